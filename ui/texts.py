"""Every sentence of the page, in English and Russian."""

from __future__ import annotations

from typing import Final

__all__ = ["TEXTS", "Texts"]

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "name": ("Planerka", "Планёрка"),
    "tagline": ("from talk to the board", "от разговора к доске"),
    "language": ("Language", "Язык"),
    "meetings": ("Meetings", "Встречи"),
    "no_meetings": (
        "No meetings yet. Import one: `planerka meeting import FILE`",
        "Встреч ещё нет. Загрузите: `planerka meeting import ФАЙЛ`",
    ),
    "proposals": ("Proposals", "Предложения"),
    "to_decide": ("{count} to decide", "ждут решения: {count}"),
    "all_decided": ("Everything is decided.", "Всё решено."),
    "no_proposals": ("No proposals in this meeting.", "На этой встрече предложений нет."),
    "not_yet": ("They appear when the meeting has been worked on.", "Появятся, когда встреча будет обработана."),
    "decided": ("Decided", "Решённые"),
    "approve": ("Approve", "Подтвердить"),
    "edit": ("Edit", "Исправить"),
    "reject": ("Reject", "Отклонить"),
    "save": ("Approve as edited", "Подтвердить с правкой"),
    "note": ("Note for the journal", "Заметка в журнал"),
    "text": ("Text", "Текст"),
    "title": ("Title", "Название"),
    "day": ("Day", "День"),
    "column": ("Column", "Колонка"),
    "member": ("Member", "Участник"),
    "other_card": ("Card", "Карточка"),
    "new_card": ("New card", "Новая карточка"),
    "card_says": ("The card says", "В карточке"),
    "contradiction": ("contradicts", "противоречит"),
    "sure": ("sure", "уверенность"),
    "card_match": ("This card", "Эта карточка"),
    "candidates": ("or", "или"),
    "signal.named": ("named aloud", "названа вслух"),
    "signal.member": ("a member speaks", "говорит участник"),
    "signal.words": ("shared words: {words}", "общие слова: {words}"),
    "by": ("{verdict} by {person}", "{verdict}: {person}"),
    "done": ("Done: {change}", "Готово: {change}"),
    "rejected": ("Rejected.", "Отклонено."),
    "in_work": ("Approved; it is being applied.", "Подтверждено, применяется."),
    "conflict": (
        "The card changed meanwhile. Look at it and decide again.",
        "Карточка тем временем изменилась. Посмотрите и решите снова.",
    ),
    "refused": ("The board refused: {failure}", "Доска отказала: {failure}"),
    "transcript": ("Transcript", "Стенограмма"),
    "summary": ("Summary", "Итоги"),
    "view": ("View", "Вид"),
    "journal": ("Journal", "Журнал"),
    "ask": ("Ask", "Спросить"),
    "reliability": ("Can our probabilities be trusted?", "Можно ли верить нашим вероятностям?"),
    "reliability.decisions": (
        "Decisions so far on proposals for cards that exist: {count}.",
        "Решений о предложениях к существующим карточкам: {count}.",
    ),
    "reliability.none": (
        "No decisions so far. Once proposals are approved and rejected, this shows how far our probabilities can be trusted.",
        "Решений пока нет. Когда предложения начнут подтверждать и отклонять, здесь станет видно, можно ли верить вероятностям.",
    ),
    "reliability.few": (
        "Too few decisions so far to tell whether our probabilities can be trusted.",
        "Решений пока слишком мало, чтобы судить, можно ли верить нашим вероятностям.",
    ),
    "reliability.said": (
        "Of the {count} proposals of which we were {range} sure, {share} were approved.",
        "Из предложений, в которых мы были уверены на {range} (всего {count}), подтверждено {share}.",
    ),
    "reliability.says.fits": (
        "That fits: wherever there are enough decisions, they agree with our probabilities.",
        "Это сходится: везде, где решений достаточно, они согласуются с нашими вероятностями.",
    ),
    "reliability.says.too_sure": (
        "We were too sure at {ranges}: people approved less often than we said.",
        "Слишком уверены мы были на {ranges}: подтверждали реже, чем мы обещали.",
    ),
    "reliability.says.too_unsure": (
        "We were too careful at {ranges}: people approved more often than we said.",
        "Слишком осторожны мы были на {ranges}: подтверждали чаще, чем мы обещали.",
    ),
    "reliability.few_mark": ("too few", "мало"),
    "reliability.fits_mark": ("fits", "сходится"),
    "reliability.too_sure_mark": ("too sure", "завышаем"),
    "reliability.too_unsure_mark": ("too careful", "занижаем"),
    "reliability.sure": ("We were sure", "Уверенность"),
    "reliability.count": ("Decisions", "Решений"),
    "reliability.share": ("Approved", "Подтверждено"),
    "reliability.interval": ("90 % interval", "Интервал 90 %"),
    "reliability.axis_sure": ("How sure we were of the card", "Насколько мы были уверены в карточке"),
    "reliability.axis_share": ("How many were approved", "Сколько подтвердили"),
    "reliability.approved": (
        "Approved: the change was accepted, and its card left as proposed. The true share lies in the interval in 90 of 100 cases.",
        "Подтверждено: изменение приняли, и карточку оставили ту же. Истинная доля лежит в интервале в 90 случаях из 100.",
    ),
    "reliability.gap": (
        "Mean gap between probability and approval: {before}.",
        "Средний разрыв между вероятностью и подтверждением: {before}.",
    ),
    "reliability.gaps": (
        "Mean gap between probability and approval: {before} as shown then, {after} with what these decisions taught.",
        "Средний разрыв между вероятностью и подтверждением: {before} при показе, {after} с учётом того, чему научили эти решения.",
    ),
    "reliability.learnt": (
        "Learnt from the decisions up to {moment}: what would have been {built_in} is now shown as {now}.",
        "Учтены решения до {moment}: то, что было бы {built_in}, теперь показывается как {now}.",
    ),
    "reliability.unlearnt": (
        "Too few decisions so far to learn from: the built-in probabilities are shown as they are.",
        "Учиться пока не на чем, решений слишком мало: показываются встроенные вероятности.",
    ),
    "reliability.thresholds": (
        "From {confirm} on we ask; from {auto} on a change may be made without asking, where the workspace allows it.",
        "От {confirm} мы спрашиваем; от {auto} изменение может быть сделано без вопроса, если рабочее пространство это разрешает.",
    ),
    "reliability.away": (
        "The matching service does not answer. Look at `planerka status`.",
        "Сервис сопоставления не отвечает. Посмотрите `planerka status`.",
    ),
    "listening": ("Listening…", "Идёт запись…"),
    "live_status": ("● {at} · {lag} s behind", "● {at} · отставание {lag} с"),
    "earlier": ("… and {count} turns before", "… и до того реплик: {count}"),
    "no_words": ("Nobody has spoken yet.", "Пока никто не говорил."),
    "no_summary": ("There is no summary yet.", "Итогов ещё нет."),
    "parts": ("Topics", "Темы"),
    "decisions": ("Decisions", "Решения"),
    "actions": ("Actions", "Поручения"),
    "questions": ("Open questions", "Открытые вопросы"),
    "risks": ("Risks", "Риски"),
    "fallback": ("Made in a simpler way: {reason}", "Сделано упрощённо: {reason}"),
    "due": ("due {day}", "срок {day}"),
    "no_events": ("Nothing has happened yet.", "Пока ничего не произошло."),
    "board": ("Board", "Доска"),
    "no_board": ("This meeting has no board.", "У этой встречи нет доски."),
    "changed": ("changed", "изменено"),
    "new": ("new", "новая"),
    "awaits": ("to decide", "ждёт решения"),
    "question": (
        "Ask about any meeting: what was promised, decided, left open?",
        "Спросите о любой встрече: что обещали, решили, не закрыли?",
    ),
    "thinking": ("Looking it up…", "Ищу…"),
    "unanswered": ("Meetings and documents do not say.", "На встречах и в документах этого нет."),
    "sources": ("Sources", "Источники"),
    "page": ("p. {number}", "с. {number}"),
    "unreachable": (
        "No orchestrator answers at {address}. Start it: `planerka up`",
        "Оркестратор по адресу {address} не отвечает. Запустите: `planerka up`",
    ),
    "unknown_speaker": ("unknown", "неизвестно"),
    "failed": ("The workflow gave up: {failure}", "Обработка прекращена: {failure}"),
    "change.add_comment": ("Comment", "Комментарий"),
    "change.append_description": ("Add to the description", "Дополнить описание"),
    "change.add_checklist_item": ("Add a checklist item", "Добавить пункт"),
    "change.complete_checklist_item": ("Tick off", "Отметить выполненным"),
    "change.set_due_date": ("Due date", "Срок"),
    "change.add_member": ("Add a member", "Добавить участника"),
    "change.remove_member": ("Remove a member", "Убрать участника"),
    "change.move_card": ("Move", "Перенести"),
    "change.add_label": ("Put on a label", "Добавить метку"),
    "change.remove_label": ("Take off a label", "Снять метку"),
    "change.create_card": ("Create a card", "Создать карточку"),
    "change.mark_blocked": ("Blocked", "Заблокирована"),
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
    "STAGE_RECEIVE": ("receiving", "приём"),
    "STAGE_TRANSCRIBE": ("transcribing", "расшифровка"),
    "STAGE_NAME_SPEAKERS": ("naming speakers", "имена голосов"),
    "STAGE_SUMMARIZE": ("summing up", "итоги"),
    "STAGE_STORE_KNOWLEDGE": ("storing knowledge", "база знаний"),
    "STAGE_READ_BOARD": ("reading the board", "чтение доски"),
    "STAGE_MATCH": ("matching cards", "поиск карточек"),
    "STAGE_DIFFERENCE": ("finding differences", "поиск отличий"),
    "STAGE_PROPOSE": ("writing proposals", "предложения"),
    "STAGE_ASK": ("asking people", "вопрос людям"),
    "STAGE_WAIT": ("waiting for decisions", "ожидание решений"),
    "STAGE_APPLY": ("applying changes", "запись на доску"),
    "STAGE_NOTIFY": ("telling the team", "оповещение"),
    "STAGE_CLOSE": ("closing", "закрытие"),
}


class Texts:
    """The sentences in one language."""

    def __init__(self, language: str) -> None:
        self.language = "ru" if language == "ru" else "en"
        self._index = 1 if self.language == "ru" else 0

    def __call__(self, key: str, **fields: object) -> str:
        """Return a sentence with its fields filled in; a constant of the contract without a word stays as it is."""
        found = TEXTS.get(key)
        sentence = key if found is None else found[self._index]
        return sentence.format(**fields) if fields else sentence
