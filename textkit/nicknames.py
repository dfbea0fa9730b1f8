"""First names with their short forms, in Russian and English: a table, because no rule makes «Шура» of «Александр».

Each row: the full names that are one name in both scripts, a bar, and the forms by which people call its bearers.
"""

from functools import cache
from typing import Final

_ROWS: Final = """
александр alexander aleksandr | саша шура саня сашка санек alex sasha al
александра alexandra aleksandra | саша шура саня сашка alex sasha sandra
алексей alexey aleksei alexei | леша лешка алеша леха alex
анастасия anastasia | настя настенька ася stacy
анатолий anatoly | толя толик
андрей andrey andrei andrew | андрюша андрюха andy drew
анна anna ann anne | аня анечка анюта нюра annie anya
антон anton | антоха тоша
антонина antonina | тоня
арсений arseny | сеня арсен
артем artem artyom | тема темыч артемка
артур arthur artur | art
борис boris | боря борька
вадим vadim | вадик
валентин valentin | валя
валентина valentina | валя
валерий valery | валера
валерия valeria valerie | лера
варвара barbara varvara | варя barb
василий vasily | вася васек
вера vera | верочка
вероника veronica veronika | ника вика ronnie
виктор victor viktor | витя витек vic
виктория victoria viktoria | вика vicky tori
виталий vitaly | виталик
владимир vladimir | вова володя вовка vlad
владислав vladislav | влад владик слава vlad
вячеслав vyacheslav | слава славик
галина galina | галя
геннадий gennady | гена
георгий george georgy | жора гоша гера
григорий gregory grigory | гриша greg
дарья daria darya | даша дашка
денис denis dennis | дениска деня
дмитрий dmitry dmitri dmitriy | дима митя димон димка
евгений evgeny eugene | женя женька gene
евгения evgenia eugenia | женя женька
егор egor | егорка
екатерина ekaterina catherine katherine kathryn | катя катюша катерина kate katie kathy cathy
елена elena helen helena | лена леночка алена
елизавета elizabeth elizaveta | лиза liz lizzy beth betty eliza
иван ivan | ваня ванек ванька
игорь igor | игорек
илья ilya elijah | илюша
инна inna |
ирина irina irene | ира иришка ирочка
кирилл kirill cyril | кирюша киря
константин konstantin constantine | костя костик
ксения ksenia xenia oksana | ксюша
лариса larisa | лара
лев lev leo | лева
леонид leonid | леня
любовь lubov | люба
людмила lyudmila ludmila | люда мила люся
максим maxim maksim | макс max
маргарита margarita margaret | рита maggie meg peggy
марина marina | мариша
мария maria mary | маша маруся машка маня
матвей matvey matthew | матюша matt
михаил mikhail michael | миша мишка миха mike mick
надежда nadezhda | надя
наталья natalia natalya наталия natalie | наташа ната nat
никита nikita | никитос
николай nikolay nikolai nicholas | коля николаша nick nik
нина nina |
оксана oksana oxana | ксюша
олег oleg | олежка
ольга olga | оля олечка
павел pavel paul | паша пашка
петр peter petr pyotr | петя pete
полина polina | поля
роман roman | рома ромка
руслан ruslan | рус
светлана svetlana | света светик
семен semyon simon | сема si
сергей sergey sergei serge | сережа серега
софья софия sofia sophia sofya | соня sophie
станислав stanislav | стас слава stan
степан stepan stephen steven | степа steve
тамара tamara | тома
татьяна tatiana tatyana | таня танюша
тимофей timofey timothy | тима тимоха tim
тимур timur | тима
федор fyodor fedor theodore | федя ted teddy
филипп philip phillip filipp | филя phil
эдуард eduard edward | эдик ed eddie
юлия julia yulia | юля юлька jules
юрий yuri yury | юра юрка
яков jacob yakov | яша jake
яна yana jana |
ярослав yaroslav | ярик слава
abigail | abby
amanda | mandy
anthony | tony
benjamin | ben benny
bradley | brad
charles | charlie chuck
charlotte | charlie lottie
christina christine | chris tina
christopher | chris kit
cynthia | cindy
daniel даниил данила | dan danny даня
david давид | dave davy
deborah | deb debbie
donald | don
emily emilia эмилия | em emmy
frederick | fred freddie
gabriel | gabe
gerald | gerry jerry
grace |
henry | harry hank
jackson |
james джеймс | jim jimmy jamie
jeffrey | jeff
jennifer | jen jenny
jessica | jess jessie
john джон | johnny jack
jonathan | jon jonny
joseph иосиф | joe joey
joshua | josh
kenneth | ken kenny
kimberly | kim
lawrence | larry
leonard | leo len lenny
lucas лука | luke
madeline | maddie
martin мартин | marty
melissa | mel
mitchell | mitch
nathaniel nathan | nate
oliver | ollie
olivia | liv
pamela | pam
patricia | pat patty trish
patrick | pat paddy
priscilla | prisca cilla
rachel рахиль | rach
raymond | ray
rebecca | becky becca
richard ричард | rick dick rich richie
robert роберт | rob bob bobby robbie
ronald | ron ronnie
samantha | sam
samuel самуил | sam sammy
stephanie | steph
susan сюзанна | sue suzy
terence | terry
theresa | terry tess
thomas томас | tom tommy
valentine | val
vincent | vince vinny
walter | walt
william | will bill billy liam
zachary | zach
"""


@cache
def forms_of(name: str) -> frozenset[str]:
    """Return every form by which bearers of a first name are called, itself included, lower case, `ё` as `е`."""
    plain = name.lower().replace("ё", "е")
    found = {plain}
    for full, short in _rows():
        if plain in full:
            found |= full | short
    if len(found) == 1:
        for full, short in _rows():
            if plain in short:
                found |= full | short
    return frozenset(found)


@cache
def _rows() -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    rows = (line.split("|") for line in _ROWS.strip().splitlines())
    return tuple((frozenset(full.split()), frozenset(short.split())) for full, short in rows)
