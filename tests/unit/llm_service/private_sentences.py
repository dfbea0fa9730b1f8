"""Sentences as people say and write them at work, with names, phones, mail addresses, cards and secrets in known places.

Names are declined by the dictionary, phones follow the habits of several countries, secrets the formats of their makers.
"""

from __future__ import annotations

import random
import re
import string
from dataclasses import dataclass, field

import pymorphy3

PLACEHOLDER = re.compile(r"\[[A-Z]+_\d+(?:\.\d+)?\]")
TITLES = {"mr", "ms", "dr", "mrs"}


def leaks(masked: str, private: str) -> list[str]:
    """The pieces of something private that still stand in a masked text: its words, or runs of four letters and digits."""
    rest = PLACEHOLDER.sub(" ", masked)
    shortest = 4 if re.search(r"[\d@:]", private) else 2
    pieces = {private, *(word for word in re.findall(r"\w+", private) if len(word) >= shortest)}
    return [one for one in pieces if one.lower() not in TITLES and re.search(rf"(?<!\w){re.escape(one)}(?!\w)", rest)]


def words(table: str) -> list[str]:
    return table.split()


MEN = words(
    "Иван Пётр Сергей Алексей Дмитрий Олег Никита Тимур Рустам Георгий Фёдор Арсений Глеб "
    "Ярослав Захар Мирон Данила Игорь Эдуард Семён"
)
WOMEN = words(
    "Анна Мария Елена Ольга Наталья Ксения Гульнара Зарина Дарья Полина Алина Светлана Юлия "
    "Вероника Тамара Жанна Лидия Софья Раиса Инна"
)
SHORT = words("Саша Маша Дима Лёша Катя Серёжа Настя Женя Паша Оля Коля Таня Вова Юра Гриша Лена Миша Костя Даша Стас")
LAST_M = words(
    "Иванов Петров Кузнецов Соколов Лебедев Морозов Волков Зайцев Голубев Виноградов Белов "
    "Тарасов Ильин Шевченко Ковальчук Ахметов "
    "Гаджиев Мартиросян Дроздов Крылов Чайковский Достоевский Островский Рубинштейн Гончаренко "
    "Сидоренко Хабибуллин Мухамедьяров"
)
LAST_W = words(
    "Иванова Петрова Кузнецова Соколова Лебедева Морозова Волкова Зайцева Голубева Виноградова "
    "Белова Тарасова Ильина Ахметова Гаджиева "
    "Дроздова Крылова Чайковская Островская Хабибуллина Мухамедьярова"
)
PATR_M = words("Иванович Петрович Сергеевич Алексеевич Дмитриевич Олегович Игоревич Фёдорович Рустамович")
PATR_W = words("Ивановна Петровна Сергеевна Алексеевна Дмитриевна Олеговна Игоревна Фёдоровна Рустамовна")
FIRST_EN = words(
    "John Jane Michael Emily Robert Priya Ahmed Wei Carlos Sofia Liam Olivia Noah Siobhan "
    "Thandiwe Oluwaseun Hiroshi Ingrid Mateusz Chloe "
    "Dmitri Fatima Raj Hannah Kevin Laura Stephen Megan Victor Grace"
)
LAST_EN = words(
    "Smith Johnson O'Connor Raghunathan Müller García Nguyen Kowalski MacDonald Okafor Tanaka "
    "Petersen Rossi Dubois Hernandez Fitzgerald "
    "Ivanova Cohen Patel Baker Whitfield Castellanos Zhang Lindqvist Abernathy"
)
DOMAINS = words(
    "example.com yandex.ru mail.ru gmail.com corp.sber.example bk.ru acme-corp.io my.company.co.uk почта.рф"
)


_CASES = {"nom": "nomn", "gen": "gent", "dat": "datv", "acc": "accs", "ins": "ablt", "pre": "loct"}
_RU = {
    "nom": [
        "{n} сделает отчёт к пятнице.",
        "Мне вчера написал {n}, просил перенести созвон.",
        "По интеграции отвечает {n}.",
        "Если что, {n} подхватит задачу.",
        "{n} обещает выкатить релиз в четверг.",
    ],
    "gen": [
        "У {n} сломался ноутбук.",
        "Ждём ответа от {n} до вечера.",
        "Без {n} мы это не закроем.",
        "Это зона ответственности {n}.",
    ],
    "dat": [
        "Передай {n} документы по тендеру.",
        "Надо позвонить {n} и уточнить сроки.",
        "Я отдал карточку {n} на ревью.",
    ],
    "acc": ["Позовите {n} на ретро.", "Я бы спросил про {n} у заказчика.", "Поставим {n} ответственным за миграцию."],
    "ins": [
        "Обсуди это с {n} завтра.",
        "Задача согласована с {n} и юристами.",
        "Я созвонился с {n} по поводу бюджета.",
    ],
    "pre": ["Вопрос о {n} снят.", "На {n} висит вся документация."],
}
_EN = [
    "{n} will finish the report by Friday.",
    "Please ask {n} about the migration.",
    "I talked to {n} yesterday and we agreed on the scope.",
    "According to {n}, the release is late.",
    "Could you forward this to {n}?",
    "The contract was signed by {n} last week.",
    "{n} and the team fixed the bug.",
    "We need {n}'s approval first.",
    "Hi {n}, the build is broken again.",
    "Assign the card to {n}, please.",
]
_RU_PHONE = [
    "Мой номер {p}, звоните после шести.",
    "Телефон заказчика: {p}.",
    "Набери {p}, там ответит дежурный.",
    "Запиши {p} в карточку.",
]
_EN_PHONE = [
    "My number is {p}, call after six.",
    "The client's phone: {p}.",
    "Dial {p} and ask for support.",
    "Text me at {p} tonight.",
]
_RU_MAIL = ["Пришли договор на {m} до обеда.", "Почта для счетов: {m}.", "Я писал на {m}, ответа нет."]
_EN_MAIL = ["Send the contract to {m} before noon.", "Invoices go to {m}.", "I wrote to {m}, no answer yet."]
_RU_CARD = ["Оплати с карты {c}, чек пришли.", "Номер корпоративной карты {c}."]
_EN_CARD = ["Charge the card {c} and keep the receipt.", "The company card is {c}."]
_RU_SECRET = [
    "Пароль от стенда: {s}",
    "Пароль от базы такой: {s}, не теряйте.",
    "Вот токен {s}, он живёт сутки.",
    "Ключ API поменяли на {s}.",
    "Логин admin, пароль {s}",
]
_EN_SECRET = [
    "The staging password is {s}",
    "Use the token {s} for the demo.",
    "Our API key: {s}",
    "I rotated the secret, now it is {s}.",
    "export DB_PASSWORD={s}",
]


@dataclass
class Sentence:
    """A sentence and what in it must not leave."""

    text: str
    private: list[str] = field(default_factory=list)


class Maker:
    """Makes sentences; equal seeds make equal ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.morph = pymorphy3.MorphAnalyzer()

    def sentences(self, count: int) -> list[Sentence]:
        """Half Russian, half English; most with one private thing, some with two or three."""
        made = []
        for number in range(count):
            russian = number % 2 == 0
            kinds = self.random.choices(
                [
                    ("name",),
                    ("phone",),
                    ("mail",),
                    ("card",),
                    ("secret",),
                    ("name", "phone"),
                    ("name", "mail"),
                    ("name", "name", "secret"),
                ],
                weights=[8, 4, 3, 2, 4, 2, 2, 1],
            )[0]
            parts = [self._part(kind, russian) for kind in kinds]
            made.append(
                Sentence(" ".join(part.text for part in parts), [one for part in parts for one in part.private])
            )
        return made

    def _part(self, kind: str, russian: bool) -> Sentence:
        if kind == "name":
            if russian:
                case = self.random.choice(list(_CASES))
                name = self.russian_name(_CASES[case])
                return Sentence(self.random.choice(_RU[case]).format(n=name), [name])
            name = self.english_name()
            return Sentence(self.random.choice(_EN).format(n=name), [name])
        table = {
            "phone": (_RU_PHONE, _EN_PHONE, "p", self.phone),
            "mail": (_RU_MAIL, _EN_MAIL, "m", self.mail),
            "card": (_RU_CARD, _EN_CARD, "c", self.card),
            "secret": (_RU_SECRET, _EN_SECRET, "s", self.secret),
        }
        ru, en, slot, make = table[kind]
        value = make(russian)
        # Of an address with a login in it only the login is private.
        private = value.partition("://")[2].partition("@")[0].partition(":")[2] if "://" in value else value
        return Sentence(self.random.choice(ru if russian else en).format(**{slot: value}), [private])

    def russian_name(self, case: str) -> str:
        man = self.random.random() < 0.5
        first, patr, last = (MEN, PATR_M, LAST_M) if man else (WOMEN, PATR_W, LAST_W)
        pick = self.random.choice
        shape = self.random.choices(
            ["first", "first last", "last first", "full", "first patr", "last", "short", "short last", "initials"],
            weights=[3, 5, 2, 2, 3, 3, 4, 2, 1],
        )[0]
        gender = "masc" if man else "femn"
        one = {"f": pick(first), "p": pick(patr), "l": pick(last), "s": pick(SHORT)}
        order = {
            "first": "f",
            "first last": "fl",
            "last first": "lf",
            "full": "lfp",
            "first patr": "fp",
            "last": "l",
            "short": "s",
            "short last": "sl",
            "initials": "l",
        }[shape]
        words = [self._declined(one[letter], case, None if letter == "s" else gender) for letter in order]
        if shape == "initials":
            words.append(
                f"{one['f'][0]}.{one['p'][0]}." if self.random.random() < 0.5 else f"{one['f'][0]}. {one['p'][0]}."
            )
        return " ".join(words)

    def _declined(self, word: str, case: str, gender: str | None) -> str:
        parses = [p for p in self.morph.parse(word) if {"Name", "Surn", "Patr"} & p.tag.grammemes]
        parses = [p for p in parses if gender is None or gender in p.tag] or parses
        bent = parses[0].inflect({case, "sing"}) if parses else None
        # The dictionary writes small letters; Chaykovsky stays as he is where it has no form.
        return bent.word[0].upper() + bent.word[1:] if bent else word

    def english_name(self) -> str:
        pick = self.random.choice
        shape = self.random.choices(["{f}", "{f} {l}", "{t} {l}", "{f} {i}. {l}", "{l}"], weights=[4, 6, 2, 1, 2])[0]
        return shape.format(
            f=pick(FIRST_EN), l=pick(LAST_EN), i=pick("ABCDJKLMR"), t=pick(["Mr.", "Ms.", "Dr.", "Mrs."])
        )

    def phone(self, russian: bool) -> str:
        def d(count: int) -> str:
            return "".join(self.random.choices(string.digits, k=count))

        code = self.random.choice(["903", "916", "921", "985", "495", "812", "343", "999", "383"])
        if russian:
            shapes = [
                f"+7 {code} {d(3)}-{d(2)}-{d(2)}",
                f"8 ({code}) {d(3)}-{d(2)}-{d(2)}",
                f"8{code}{d(7)}",
                f"+7{code}{d(7)}",
                f"8-{code}-{d(3)}-{d(2)}-{d(2)}",
                f"8 {code} {d(3)} {d(2)} {d(2)}",
                f"+7({code}){d(3)}-{d(4)}",
                f"7 {code} {d(3)} {d(4)}",
                f"8 800 {d(3)} {d(2)} {d(2)}",
                f"+375 29 {d(3)}-{d(2)}-{d(2)}",
                f"{code}-{d(3)}-{d(2)}-{d(2)}",
                f"+7.{code}.{d(3)}.{d(2)}.{d(2)}",
            ]
        else:
            area = self.random.choice(["212", "415", "617", "312", "646", "512"])
            first = self.random.choice("23456789")
            shapes = [
                f"({area}) {first}{d(2)}-{d(4)}",
                f"{area}-{first}{d(2)}-{d(4)}",
                f"+1 {area} {first}{d(2)} {d(4)}",
                f"{area}.{first}{d(2)}.{d(4)}",
                f"+44 20 79{d(2)} {d(4)}",
                f"+44 7700 9{d(2)}{d(3)}",
                f"1-800-{first}{d(2)}-{d(4)}",
                f"+49 30 {first}{d(7)}",
                f"{first}{d(2)}-{d(4)}",
                f"+1{area}{first}{d(6)}",
                f"{area} {first}{d(2)} {d(4)}",
            ]
        return self.random.choice(shapes)

    def mail(self, russian: bool) -> str:
        pick = self.random.choice
        left = pick(
            [
                "ivan.petrov",
                "a.smirnova",
                "j_doe",
                "support+crm",
                "kuznetsov1985",
                "maria-lebedeva",
                "o.connor",
                "info",
                "jane99",
            ]
        )
        domain = pick(DOMAINS)
        shape = self.random.random()
        if shape < 0.8:
            return f"{left}@{domain}"
        if russian:
            return f"{left} собака {domain.replace('.', ' точка ')}"
        return pick([f"{left} at {domain.replace('.', ' dot ')}", f"{left} [at] {domain}"])

    def card(self, russian: bool) -> str:
        length = self.random.choice([16, 16, 16, 15, 19])
        head = {16: self.random.choice(["4", "5", "22", "40817"])[:2], 15: "37", 19: "6"}[length]
        body = [int(c) for c in head] + [self.random.randrange(10) for _ in range(length - 1 - len(head))]
        total = sum(n * 2 - 9 * (n > 4) if place % 2 == 0 else n for place, n in enumerate(reversed(body)))
        digits = "".join(map(str, body)) + str(-total % 10)
        if length == 15:
            return self.random.choice([digits, f"{digits[:4]} {digits[4:10]} {digits[10:]}"])
        gap = self.random.choice(["", " ", "-"])
        return gap.join(digits[place : place + 4] for place in range(0, length, 4))

    def secret(self, russian: bool) -> str:
        def s(alphabet: str, count: int) -> str:
            return "".join(self.random.choices(alphabet, k=count))

        mixed, low = string.ascii_letters + string.digits, string.ascii_lowercase + string.digits
        word = self.random.choice(["Summer", "Qwerty", "planerka", "Admin", "hunter", "Zima", "dragon", "Welcome"])
        return self.random.choice(
            [
                f"{word}{s(string.digits, self.random.randint(1, 4))}",
                f"{word}{s('!@#$%&*', 1)}{s(string.digits, 2)}",
                f"{s(string.ascii_letters, 5)}{s(string.digits, 3)}{s('!?#$%', 1)}",
                f"sk-{s(mixed, 40)}",
                f"ghp_{s(mixed, 36)}",
                f"AKIA{s(string.ascii_uppercase + string.digits, 16)}",
                f"glpat-{s(mixed, 20)}",
                f"{s(string.digits, 9)}:AA{s(mixed, 33)}",
                f"eyJ{s(mixed, 20)}.eyJ{s(mixed, 40)}.{s(mixed, 30)}",
                s("0123456789abcdef", 32),
                s("0123456789abcdef", 40),
                f"xoxb-{s(string.digits, 12)}-{s(mixed, 24)}",
                f"{s(low, 8)}-{s(low, 4)}-{s(low, 4)}-{s(low, 12)}",
                f"{word.lower()}_{s(string.digits, 4)}_{s(low, 3)}",
                s(mixed, 12),
                f"postgres://app:{s(mixed, 10)}@db:5432/crm",
                f"AQVN{s(mixed + '_-', 36)}",
                f"{s(mixed, 22)}==",
            ]
        )
