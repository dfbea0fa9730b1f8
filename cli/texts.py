"""Every sentence that commands print, in English and Russian."""

from __future__ import annotations

from typing import Final

__all__ = ["TEXTS", "Texts"]

TEXTS: Final[dict[str, tuple[str, str]]] = {
    # words
    "yes": ("yes", "да"),
    "no": ("no", "нет"),
    "nobody": ("nobody", "никто"),
    "unknown_speaker": ("unknown", "неизвестно"),
    "none": ("none", "нет"),
    "new_card": ("new card", "новая карточка"),
    "error": ("Error", "Ошибка"),
    # tables
    "col.service": ("Service", "Сервис"),
    "col.address": ("Address", "Адрес"),
    "col.ready": ("Ready", "Готов"),
    "col.since": ("Running since", "Работает с"),
    "col.restarts": ("Restarts", "Перезапуски"),
    "col.id": ("Id", "Номер"),
    "col.title": ("Title", "Название"),
    "col.when": ("When", "Когда"),
    "col.length": ("Length", "Длина"),
    "col.state": ("State", "Состояние"),
    "col.step": ("Step", "Шаг"),
    "col.pending": ("To decide", "Ждут решения"),
    "col.card": ("Card", "Карточка"),
    "col.column": ("Column", "Колонка"),
    "col.probability": ("Probability", "Вероятность"),
    "col.turns": ("Turns", "Реплики"),
    "col.said": ("Said", "Сказано"),
    "col.name": ("Name", "Имя"),
    "col.role": ("Role", "Роль"),
    "col.aliases": ("Also called", "Также зовут"),
    "col.speech": ("Speech", "Речь"),
    "col.enrolled": ("Enrolled", "Записан"),
    "col.what": ("What happened", "Что произошло"),
    "col.model": ("Model", "Модель"),
    "col.size": ("Size", "Размер"),
    "col.task": ("Task", "Задача"),
    "col.licence": ("Licence", "Лицензия"),
    "col.here": ("Here", "Есть"),
    "col.check": ("Check", "Проверка"),
    "col.result": ("Result", "Результат"),
    "col.silent": ("Meetings since", "Встреч с тех пор"),
    "col.last": ("Last mentioned", "Последнее упоминание"),
    "col.cards": ("Cards", "Карточки"),
    "col.inside": ("Inside", "Внутри"),
    "col.window": ("Window", "Окно"),
    "col.shape": ("Shape", "Форма"),
    "col.purpose": ("For", "Для чего"),
    "col.calls": ("Calls", "Вызовы"),
    "col.failed": ("Failed", "Неудачные"),
    "col.redacted": ("Redacted", "Со скрытием"),
    "col.tokens": ("Tokens", "Токены"),
    "col.time": ("Time", "Время"),
    "col.cost": ("Cost", "Цена"),
    "col.sure": ("We were sure", "Уверенность"),
    "col.decisions": ("Decisions", "Решений"),
    "col.approved": ("Approved", "Подтверждено"),
    "col.interval": ("90 % interval", "Интервал 90 %"),
    "col.says": ("That is", "Это"),
    # workspace
    "by_service": ("as the service is set", "как настроен сервис"),
    "workspace.shown": (
        "Workspace {id}: perimeter {perimeter}; language model: {provider}; template of summaries: {template}.",
        "Пространство {id}: периметр {perimeter}; языковая модель: {provider}; шаблон итогов: {template}.",
    ),
    "workspace.unused": (
        "No calls of language models are recorded.",
        "Обращений к языковым моделям не записано.",
    ),
    "workspace.unenforced": ("{mode}, not enforced", "{mode}, без гарантии"),
    # mesh
    "up.starting": ("Starting the mesh; logs are in {logs}", "Запускаю сервисы; журналы в {logs}"),
    "up.one": ("{name} is ready", "{name}: готов"),
    "up.ready": ("The mesh is ready: orchestrator at {address}.", "Всё готово: оркестратор на {address}."),
    "up.some": ("The chosen services are ready: planerka status", "Выбранные сервисы готовы: planerka status"),
    "up.page": ("Web page: http://{address}", "Веб-страница: http://{address}"),
    "up.next": (
        "Next: planerka meeting import FILE, or planerka demo. Stop with: planerka down",
        "Дальше: planerka meeting import ФАЙЛ или planerka demo. Остановить: planerka down",
    ),
    "down.stopping": ("Stopping; running work is brought to an end first", "Останавливаю; начатое завершается"),
    "down.done": ("The mesh is stopped.", "Сервисы остановлены."),
    "down.nothing": ("No mesh runs with the home folder {home}.", "С папкой {home} ничего не запущено."),
    "status.nothing": (
        "No mesh runs with the home folder {home}. Start it with: planerka up",
        "С папкой {home} ничего не запущено. Запустите: planerka up",
    ),
    "status.dead_launcher": (
        "The launcher died without stopping its services. Clean up with: planerka down",
        "Лаунчер завершился, не остановив сервисы. Уберите их: planerka down",
    ),
    "starting_mesh": ("Starting services on free ports", "Запускаю сервисы на свободных портах"),
    "stopping_mesh": ("Stopping the services", "Останавливаю сервисы"),
    # meetings
    "meeting.sending": ("Sending {name}", "Отправляю {name}"),
    "meeting.listening": ("Listening; end the meeting with Ctrl-C", "Слушаю; завершить встречу: Ctrl-C"),
    "meeting.opened": ("Meeting {id}", "Встреча {id}"),
    "meeting.processing": ("The recording is complete; the meeting is being worked on", "Запись получена; обрабатываю"),
    "meeting.watch": ("Follow it with: planerka meeting watch {id}", "Следить: planerka meeting watch {id}"),
    "meeting.deleted": (
        "The meeting {id} is deleted with its audio, text and vectors. Changes on boards stay.",
        "Встреча {id} удалена вместе со звуком, текстом и векторами. Изменения на досках остались.",
    ),
    "meeting.exported": ("Written: {file} ({turns} turns)", "Записано: {file} (реплик: {turns})"),
    "meeting.none": (
        "No meetings yet. Begin with: planerka meeting import FILE",
        "Встреч ещё нет. Начните с: planerka meeting import ФАЙЛ",
    ),
    "meeting.no_words": ("Nobody spoke in this meeting.", "На этой встрече никто не говорил."),
    "meeting.corrected": (
        "Speakers, as diarization sees them at the end",
        "Кто говорил, по окончательной разметке голосов",
    ),
    "meeting.failed": ("The workflow gave up: {failure}", "Обработка прекращена: {failure}"),
    "meeting.pending": (
        "{count} proposals wait for a decision: planerka proposals --meeting {id}",
        "Ждут решения: {count}. Посмотреть: planerka proposals --meeting {id}",
    ),
    "meeting.renamed": ("{speaker} is now {name} in {turns} turns.", "{speaker} теперь {name}, реплик: {turns}."),
    "template.name": ("Name", "Имя"),
    "template.title": ("Title", "Название"),
    "template.origin": ("Origin", "Откуда"),
    "template.built_in": ("comes with the product", "из поставки"),
    "template.changed": ("changed by the workspace", "изменён рабочей группой"),
    "template.own": ("the workspace's own", "свой"),
    "template.written": ("The template {name} is written.", "Шаблон {name} записан."),
    "template.deleted": ("The template {name} is deleted.", "Шаблон {name} удалён."),
    "template.unchanged": ("The workspace has no template {name} of its own.", "Своего шаблона {name} у группы нет."),
    "warning": ("Warning: {text}", "Внимание: {text}"),
    "transcript": ("Transcript", "Стенограмма"),
    "live_transcript": ("Live transcript", "Живая стенограмма"),
    "live.status": ("● {at}  {lag} s behind", "● {at}  отставание {lag} с"),
    "live.more": ("↺ and {count} more corrected speakers", "↺ и ещё исправлено: {count}"),
    "live.ending": (
        "Ending the meeting; Ctrl-C again stops at once",
        "Завершаю встречу; Ctrl-C ещё раз: остановить сразу",
    ),
    "live.understood": (
        "Understood: {turns} turns of {speakers} speakers",
        "Расслышано: реплик {turns}, говорящих {speakers}",
    ),
    # summary
    "summary": ("Summary", "Итоги"),
    "summary.none": ("There is no summary yet.", "Итогов ещё нет."),
    "summary.parts": ("Topics", "Темы"),
    "summary.decisions": ("Decisions", "Решения"),
    "summary.actions": ("Actions", "Поручения"),
    "summary.questions": ("Open questions", "Открытые вопросы"),
    "summary.risks": ("Risks", "Риски"),
    "summary.fallback": ("Made in a simpler way: {reason}", "Сделано упрощённо: {reason}"),
    "summary.dropped": (
        "{count} statements were dropped: their quotes did not support them.",
        "Отброшено утверждений без подтверждения цитатой: {count}.",
    ),
    "due": ("due {day}", "срок {day}"),
    # proposals
    "proposals": ("Proposals", "Предложения"),
    "proposals.none": ("There are no proposals.", "Предложений нет."),
    "proposals.next": (
        "Decide with: planerka approve ID, edit ID, reject ID",
        "Решить: planerka approve ID, edit ID, reject ID",
    ),
    "matches": ("Matched cards", "Найденные карточки"),
    "matches.none": ("The talk was about no card.", "Речь не шла ни об одной карточке."),
    "why": ("why", "почему"),
    "card_says": ("card says", "в карточке"),
    "contradiction": ("contradicts the card", "противоречит карточке"),
    "scores": (
        "change {confidence} · card {match} ({signals})",
        "изменение {confidence} · карточка {match} ({signals})",
    ),
    "candidates": ("or", "или"),
    "signal.named": ("named aloud", "названа вслух"),
    "signal.member": ("a member speaks", "говорит участник"),
    "signal.words": ("shared words: {words}", "общие слова: {words}"),
    "signal.dense": ("meaning {value}", "смысл {value}"),
    "decided": ("{verdict} by {person}, {channel}", "{verdict}, {person}, {channel}"),
    "decision.done": ("{id}: {state}", "{id}: {state}"),
    "decision.applied": ("The change is on the board: {change}", "Изменение на доске: {change}"),
    "decision.failed": ("The board refused: {failure}", "Доска отказала: {failure}"),
    "decision.conflict": (
        "The card changed meanwhile; look at it and decide again: planerka proposals",
        "Карточка тем временем изменилась; посмотрите и решите снова: planerka proposals",
    ),
    "decision.waiting": ("It is being applied: planerka proposals", "Применяется: planerka proposals"),
    # calibration
    "calibration.none": (
        "No decisions so far. Decide with: planerka approve ID, edit ID, reject ID",
        "Решений пока нет. Решить: planerka approve ID, edit ID, reject ID",
    ),
    "calibration.few": ("too few to tell", "слишком мало решений"),
    "calibration.fits": ("as we said", "как мы обещали"),
    "calibration.too_sure": ("less than we said", "реже, чем мы обещали"),
    "calibration.too_unsure": ("more than we said", "чаще, чем мы обещали"),
    "calibration.all_few": (
        "Too few decisions so far ({count}) to tell whether the probabilities can be trusted.",
        "Решений пока слишком мало ({count}), чтобы судить, можно ли верить вероятностям.",
    ),
    "calibration.agrees": (
        "Wherever there are enough decisions, they agree with our probabilities.",
        "Везде, где решений достаточно, они согласуются с нашими вероятностями.",
    ),
    "calibration.gap": (
        "Mean gap between probability and approval: {before}.",
        "Средний разрыв между вероятностью и подтверждением: {before}.",
    ),
    "calibration.gaps": (
        "Mean gap between probability and approval: {before} as shown then, {after} with what these decisions taught.",
        "Средний разрыв между вероятностью и подтверждением: {before} при показе, {after} с учётом того, чему научили эти решения.",
    ),
    "calibration.learnt": (
        "Learnt from the decisions up to {moment}: what would have been {built_in} is now shown as {now}.",
        "Учтены решения до {moment}: то, что было бы {built_in}, теперь показывается как {now}.",
    ),
    "calibration.unlearnt": (
        "Too few decisions so far to learn from: the built-in probabilities are shown as they are.",
        "Учиться пока не на чем, решений слишком мало: показываются встроенные вероятности.",
    ),
    "calibration.thresholds": (
        "From {confirm} on we ask; from {auto} on a change may be made without asking, where the workspace allows it.",
        "От {confirm} мы спрашиваем; от {auto} изменение может быть сделано без вопроса, если рабочее пространство это разрешает.",
    ),
    "back.done": ("The meeting {id} goes back to the step: {stage}", "Встреча {id} возвращена к шагу: {stage}"),
    "undo.done": ("Taken back: {change}", "Отменено: {change}"),
    "change.1": ("Comment", "Комментарий"),
    "change.2": ("Add to the description", "Дополнить описание"),
    "change.3": ("Add a checklist item", "Добавить пункт"),
    "change.4": ("Tick off", "Отметить выполненным"),
    "change.5": ("Due date", "Срок"),
    "change.6": ("Add a member", "Добавить участника"),
    "change.7": ("Remove a member", "Убрать участника"),
    "change.8": ("Move", "Перенести"),
    "change.9": ("Put on a label", "Добавить метку"),
    "change.10": ("Take off a label", "Снять метку"),
    "change.11": ("Create a card", "Создать карточку"),
    "change.12": ("Blocked", "Заблокирована"),
    # boards and the rest
    "board.created": ("The board {name} is created: {id}", "Доска «{name}» создана: {id}"),
    "board.none": (
        "There are no boards. Create one with: planerka board create FILE",
        "Досок нет. Создайте: planerka board create ФАЙЛ",
    ),
    "board.before": ("The board before", "Доска до"),
    "board.after": ("The board after", "Доска после"),
    "board.changed": ("changed", "изменена"),
    "board.new": ("new", "новая"),
    "person.put": ("{name} is {role} now: {id}", "{name} теперь {role}: {id}"),
    "person.removed": ("{id} is removed with all tokens and the voice.", "{id}: удалены доступ, токены и голос."),
    "voice.learning": ("Learning the voice in {name}", "Изучаю голос в {name}"),
    "voice.enrolled": (
        "The voice of {name} is known from {seconds} seconds of speech. Forget it with: planerka people forget-voice",
        "Голос изучен: {name}, речи {seconds} с. Удалить: planerka people forget-voice",
    ),
    "voice.forgotten": ("The voice of {name} is forgotten for good.", "Голос удалён навсегда: {name}."),
    "voices.none": (
        "No voice is known yet. Enroll one with: planerka people enroll PERSON FILE",
        "Голосов ещё нет. Добавьте: planerka people enroll ЧЕЛОВЕК ФАЙЛ",
    ),
    "people.none": (
        "Nobody is known yet. Add one with: planerka people add NAME",
        "Пока никого. Добавьте: planerka people add ИМЯ",
    ),
    "token.made": (
        "The token is told only once; keep it as PLANERKA_CLI__TOKEN:",
        "Токен показывается один раз; сохраните его как PLANERKA_CLI__TOKEN:",
    ),
    "events.none": ("Nothing has happened yet.", "Пока ничего не произошло."),
    "stale.none": ("No card has been silent for long.", "Забытых карточек нет."),
    "never": ("never", "никогда"),
    "sources": ("Sources", "Источники"),
    "ask.fallback": ("Note: {reason}", "Замечание: {reason}"),
    "ask.unanswered": (
        "The knowledge base does not say. Import more meetings, or ask in other words.",
        "В базе знаний ответа нет. Загрузите больше встреч или спросите иначе.",
    ),
    "page": ("p. {number}", "с. {number}"),
    "document.added": ("{id}  {title}: in the knowledge base.", "{id}  {title}: в базе знаний."),
    "document.unchanged": ("{id}  {title}: was there already.", "{id}  {title}: уже был в базе."),
    "document.refused": ("{file}: {why}", "{file}: {why}"),
    "document.removed": ("{id} is removed.", "{id}: удалён."),
    "document.none": (
        "Nobody added a document yet: `planerka knowledge add FILE`.",
        "Документов ещё нет: `planerka knowledge add ФАЙЛ`.",
    ),
    "document.everybody": ("everybody", "все"),
    "col.readers": ("Readers", "Кто читает"),
    "col.added": ("Added", "Добавлен"),
    # models
    "models.all_here": ("All models are here, in {root}.", "Все модели на месте, в {root}."),
    "models.pulled": ("{model} is ready ({size}).", "{model}: готова ({size})."),
    "models.missing": (
        "Missing: {models}. Get them with: planerka models pull",
        "Нет: {models}. Скачать: planerka models pull",
    ),
    "models.optional": (
        "Optional and not here: {models}. Get one by its name: planerka models pull NAME",
        "Необязательные, их нет: {models}. Скачать по имени: planerka models pull ИМЯ",
    ),
    "models.sound": ("{model} is sound.", "{model}: в порядке."),
    # doctor
    "doctor.fine": (
        "Nothing is missing. Start with: planerka up, or planerka demo",
        "Всё на месте. Начните: planerka up или planerka demo",
    ),
    "doctor.wrong": ("{count} things need attention; see above.", "Требуют внимания: {count}; см. выше."),
    # eval
    "eval.item": ("{done} of {total}: {name}", "{done} из {total}: {name}"),
    "eval.indexing": ("Indexing {count} cards", "Индексирую карточки: {count}"),
    "eval.strategy": ("Strategy", "Способ"),
    "eval.figure": ("Figure", "Показатель"),
    "eval.value": ("Value", "Значение"),
    # demo
    "demo.title": ("Planerka: from a recording to the board", "Планёрка: от записи до доски"),
    "demo.what": (
        "A meeting of three people goes through the whole house on this machine; everything happens in a temporary folder.",
        "Встреча трёх человек проходит весь путь на этой машине; всё происходит во временной папке.",
    ),
    "demo.step": ("{number}. {title}", "{number}. {title}"),
    "demo.services": ("Services", "Сервисы"),
    "demo.loading": ("  … the others are loading their models", "  … остальные загружают модели"),
    "demo.board": ("The board", "Доска"),
    "demo.work": ("The workflow", "Обработка"),
    "demo.approval": ("One approval", "Одно решение"),
    "demo.chosen": (
        "Approved as a lead would: the surest change of an existing card that shows on the board.",
        "Подтверждаем, как сделал бы руководитель: самое надёжное из видимых изменений существующей карточки.",
    ),
    "demo.chosen_any": (
        "Approved as a lead would: the surest proposal of this meeting.",
        "Подтверждаем, как сделал бы руководитель: самое надёжное предложение этой встречи.",
    ),
    "demo.nothing": (
        "This meeting brought no proposal, so nothing is approved.",
        "На этой встрече предложений нет, решать нечего.",
    ),
    "demo.end": (
        "That took {seconds} s for {audio} s of talk, with {proposals} proposals; {pending} still wait.",
        "Заняло {seconds} с на {audio} с разговора; предложений {proposals}, ждут решения {pending}.",
    ),
    "demo.hint": (
        (
            "Next, with your own meeting:\n  planerka up\n  planerka board create board.json\n"
            "  planerka meeting import FILE\n  planerka proposals"
        ),
        (
            "Дальше, со своей встречей:\n  planerka up\n  planerka board create board.json\n"
            "  planerka meeting import ФАЙЛ\n  planerka proposals"
        ),
    ),
    "step.done": ("{stage}: {seconds} s", "{stage}: {seconds} с"),
}

_STATES = {
    "MEETING_STATE_LIVE": ("live", "идёт"),
    "MEETING_STATE_PROCESSING": ("in work", "обрабатывается"),
    "MEETING_STATE_WAITING": ("waits for decisions", "ждёт решений"),
    "MEETING_STATE_CLOSED": ("closed", "закрыта"),
    "MEETING_STATE_FAILED": ("failed", "не удалась"),
    "PROPOSAL_STATE_PENDING": ("to decide", "ждёт решения"),
    "PROPOSAL_STATE_APPROVED": ("approved", "подтверждено"),
    "PROPOSAL_STATE_REJECTED": ("rejected", "отклонено"),
    "PROPOSAL_STATE_APPLIED": ("on the board", "на доске"),
    "PROPOSAL_STATE_CONFLICT": ("card changed", "карточка изменилась"),
    "PROPOSAL_STATE_FAILED": ("refused", "доска отказала"),
    "PROPOSAL_STATE_UNDONE": ("taken back", "отменено"),
    "PROPOSAL_STATE_SUPERSEDED": ("replaced", "заменено"),
    "PROPOSAL_STATE_EXPIRED": ("expired", "истекло"),
    "VERDICT_APPROVE": ("approved", "подтверждено"),
    "VERDICT_EDIT": ("edited", "исправлено"),
    "VERDICT_REJECT": ("rejected", "отклонено"),
    "STAGE_RECEIVE": ("receive", "приём"),
    "STAGE_TRANSCRIBE": ("transcribe", "расшифровка"),
    "STAGE_NAME_SPEAKERS": ("name speakers", "имена голосов"),
    "STAGE_SUMMARIZE": ("summarize", "итоги"),
    "STAGE_STORE_KNOWLEDGE": ("store knowledge", "база знаний"),
    "STAGE_READ_BOARD": ("read the board", "чтение доски"),
    "STAGE_MATCH": ("match", "сопоставление"),
    "STAGE_DIFFERENCE": ("difference", "отличия"),
    "STAGE_PROPOSE": ("propose", "предложения"),
    "STAGE_ASK": ("ask", "вопрос людям"),
    "STAGE_WAIT": ("wait", "ожидание решений"),
    "STAGE_APPLY": ("apply", "запись на доску"),
    "STAGE_NOTIFY": ("notify", "оповещение"),
    "STAGE_CLOSE": ("close", "закрытие"),
    "ROLE_VIEWER": ("viewer", "читатель"),
    "ROLE_MEMBER": ("member", "участник"),
    "ROLE_LEAD": ("lead", "руководитель"),
    "ROLE_ADMIN": ("admin", "администратор"),
    "PERIMETER_INSIDE": ("inside", "внутри"),
    "PERIMETER_REDACTED": ("redacted", "со скрытием имён и секретов"),
    "PERIMETER_OPEN": ("open", "открыт"),
}


class Texts:
    """The sentences in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._index = 1 if language == "ru" else 0

    def __call__(self, key: str, **fields: object) -> str:
        """Return a sentence with its fields filled in."""
        sentence = TEXTS[key][self._index]
        return sentence.format(**fields) if fields else sentence

    def name(self, constant: str) -> str:
        """Return the word for a constant of the contract, such as `STAGE_MATCH`; one without a word stays as it is."""
        words = _STATES.get(constant)
        return constant.rpartition("_")[2].lower() if words is None else words[self._index]
