"""Everything that the orchestrator says to people, in Russian and English, through one table."""

from __future__ import annotations

from typing import Final

__all__ = ["TEXTS", "say"]

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "meeting_title": ("Meeting of {date}", "Встреча {date}"),
    "meeting_created": ("The meeting “{title}” was created.", "Создана встреча «{title}»."),
    "meeting_deleted": (
        "The meeting was deleted with its audio and text.",
        "Встреча удалена вместе со звуком и текстом.",
    ),
    "stage_started": ("The step began.", "Шаг начат."),
    "stage_finished": ("The step is done: {detail}.", "Шаг завершён: {detail}."),
    "waiting_for_service": (
        "{service} does not answer; the step goes on as soon as it is back.",
        "Служба {service} не отвечает; шаг продолжится, как только она вернётся.",
    ),
    "failed": ("The workflow gave up: {why}", "Обработка прекращена: {why}"),
    "proposal_created": ("Proposed: {change}.", "Предложено: {change}."),
    "asked": ("{name} was asked on {channel}.", "Отправлен вопрос: {name}, канал {channel}."),
    "approved": ("{name} approved: {change}.", "{name}: одобрено — {change}."),
    "edited": ("{name} approved with changes: {change}.", "{name}: одобрено с правкой — {change}."),
    "rejected": ("{name} rejected: {change}.", "{name}: отклонено — {change}."),
    "automatic": ("Approved by the workspace's settings: {change}.", "Одобрено настройками: {change}."),
    "refused": (
        "{name} tried to decide without the right to.",
        "{name}: попытка решить без права на это.",
    ),
    "unknown_account": (
        "An account that is linked to nobody tried to decide on {channel}.",
        "Попытка решить с непривязанной учётной записи, канал {channel}.",
    ),
    "applied": ("Done on the board: {change}.", "Сделано на доске: {change}."),
    "already_there": ("The board had it already: {change}.", "На доске это уже было: {change}."),
    "conflict": (
        "The card changed meanwhile, a new decision is needed: {change}. The card now says: {now}.",
        "Карточка тем временем изменилась, нужно новое решение: {change}. Сейчас на карточке: {now}.",
    ),
    "apply_failed": ("The board refused: {why}", "Доска отказала: {why}"),
    "undone": ("Taken back: {change}.", "Отменено: {change}."),
    "expired": ("Nobody decided in time, which means no.", "Никто не решил вовремя: это значит «нет»."),
    "superseded": ("A later run took its place.", "Заменено более поздней обработкой."),
    "went_back": ("Back to the step {stage}. {note}", "Возврат к шагу {stage}. {note}"),
    "notified": ("Told: {names}.", "Сообщено: {names}."),
    "speaker_renamed": ("The voice {speaker} is {name}.", "Голос {speaker}: {name}."),
    "person_put": ("{name} is now {role}.", "{name}: теперь {role}."),
    "person_removed": ("{name} was removed.", "{name}: доступ удалён."),
    "voice_enrolled": ("The voice of {name} was learned.", "Голос изучен: {name}."),
    "voice_forgotten": ("The voice of {name} was forgotten.", "Голос удалён: {name}."),
    "token_created": ("A token for {name} was made: {purpose}.", "Выпущен токен для {name}: {purpose}."),
    "token_revoked": ("The token {token} was made invalid.", "Токен {token} отозван."),
    "template_put": ("The template {name} of summaries was written.", "Шаблон итогов {name} записан."),
    "template_deleted": ("The template {name} of summaries was deleted.", "Шаблон итогов {name} удалён."),
    "document_added": ("The document “{title}” was added.", "Документ «{title}» добавлен."),
    "document_replaced": ("The document “{title}” was replaced.", "Документ «{title}» заменён."),
    "document_removed": ("The document “{title}” was removed.", "Документ «{title}» удалён."),
    "settings_changed": ("The settings were changed.", "Настройки изменены."),
    "board_created": (
        "The board “{name}” was created with {cards} cards.",
        "Создана доска «{name}», карточек: {cards}.",
    ),
    "audio_deleted": ("The audio was deleted under the retention rule.", "Звук удалён по сроку хранения."),
    # questions and messages
    "question_title": ("{card}", "{card}"),
    "question_new_card": ("New card", "Новая карточка"),
    "question_text": ("{change}\n\n{quotes}\n\nWhy: {reason}", "{change}\n\n{quotes}\n\nПочему: {reason}"),
    "question_conflict": (
        "The card changed after the meeting. It now says: {now}.\n\n{text}",
        "Карточка изменилась после встречи. Сейчас на ней: {now}.\n\n{text}",
    ),
    "button_approve": ("Approve", "Одобрить"),
    "button_reject": ("Reject", "Отклонить"),
    "answer_taken": ("{outcome}", "{outcome}"),
    "console_waiting": (
        "“{title}”: {count} proposals wait for a decision. `planerka proposals` lists them.",
        "«{title}»: предложений, ждущих решения: {count}. Список: `planerka proposals`.",
    ),
    "closing_title": ("“{title}” is closed", "«{title}»: итоги"),
    "closing_text": (
        "{overview}\n\nDone on the board: {applied}. Rejected: {rejected}. Not decided: {expired}. Refused by the board: {failed}.",
        "{overview}\n\nСделано на доске: {applied}. Отклонено: {rejected}. Без решения: {expired}. Отказ доски: {failed}.",
    ),
    # changes
    "change_add_comment": ("comment “{text}”", "комментарий «{text}»"),
    "change_append_description": ("add to the description “{text}”", "дополнить описание: «{text}»"),
    "change_add_checklist_item": ("checklist item “{text}”", "пункт чек-листа «{text}»"),
    "change_complete_checklist_item": ("tick off “{text}”", "отметить пункт «{text}»"),
    "change_set_due_date": ("due date {due}", "срок {due}"),
    "change_add_member": ("add {name}", "добавить участника {name}"),
    "change_remove_member": ("remove {name}", "убрать участника {name}"),
    "change_move_card": ("move to “{column}”", "переместить в «{column}»"),
    "change_add_label": ("label “{label}”", "метка «{label}»"),
    "change_remove_label": ("take off the label “{label}”", "снять метку «{label}»"),
    "change_create_card": ("new card “{title}”", "новая карточка «{title}»"),
    "change_mark_blocked": ("blocked: {reason}", "заблокировано: {reason}"),
    "blocked_comment": ("Blocked: {reason}", "Заблокировано: {reason}"),
    # what a card says now
    "says_nothing": ("nothing", "ничего"),
    "says_gone": ("the card is archived", "карточка в архиве"),
    "says_item_gone": ("the item is gone", "такого пункта больше нет"),
    # warnings in a live meeting
    "live_interrupted": (
        "The live text pauses ({why}). The audio is safe; the missing text comes when the meeting is over.",
        "Живой текст приостановлен ({why}). Звук сохраняется; недостающий текст появится после встречи.",
    ),
    "live_refused": (
        "There is no live text ({why}). The audio is safe; the text comes when the meeting is over.",
        "Живого текста не будет ({why}). Звук сохраняется; текст появится после встречи.",
    ),
    # failures, with advice
    "fail_unavailable": (
        "{service} did not answer for {minutes} minutes. Start it, then send the meeting back to this step: `planerka back`.",
        "Служба {service} не отвечала {minutes} мин. Запустите её и верните встречу на этот шаг: `planerka back`.",
    ),
    "fail_refused": (
        "{service} refused: {why}. Mend the cause, then send the meeting back to this step with `planerka back`.",
        "Служба {service} отказала: {why}. Устраните причину и верните встречу на этот шаг командой `planerka back`.",
    ),
    "fail_audio": (
        "The recording cannot be understood: {why}. Check that the file plays, and import it again.",
        "Запись не удалось распознать: {why}. Проверьте, что файл воспроизводится, и импортируйте его снова.",
    ),
    "fail_internal": (
        "An error inside the orchestrator; its log has more. Send the meeting back to this step with `planerka back`.",
        "Ошибка внутри оркестратора, подробности в его журнале. Верните встречу на этот шаг командой `planerka back`.",
    ),
}


def say(language: str, key: str, /, **values: object) -> str:
    """Return a text of the table: Russian where `language` is `ru`, else English."""
    english, russian = TEXTS[key]
    return (russian if language == "ru" else english).format(**values)
