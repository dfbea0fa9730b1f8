"""Every sentence of the store that a user may read, in English and Russian."""

from __future__ import annotations

from typing import Final

_TEXTS: Final[dict[str, dict[str, str]]] = {
    "store_error": {"en": "The model store failed.", "ru": "Ошибка хранилища моделей."},
    "unknown_model": {
        "en": "There is no model {model!r}. Known models: {known}.",
        "ru": "Модели {model!r} нет. Известные модели: {known}.",
    },
    "model_missing": {
        "en": "The model {model} is not in {root}. Get it: planerka models pull {model}",
        "ru": "Модели {model} нет в {root}. Скачайте её: planerka models pull {model}",
    },
    "model_outdated": {
        "en": "The model {model} in {root} is of an older version. Get the new one: planerka models pull {model}",
        "ru": "Модель {model} в {root} старой версии. Скачайте новую: planerka models pull {model}",
    },
    "model_damaged": {
        "en": "The model {model} in {root} is damaged ({problems}). Get it again: planerka models pull --force {model}",
        "ru": "Модель {model} в {root} повреждена ({problems}). "
        "Скачайте её заново: planerka models pull --force {model}",
    },
    "manifest_invalid": {
        "en": "The list of models {path} is wrong: {reason}. Reinstall the product.",
        "ru": "Список моделей {path} неверен: {reason}. Переустановите продукт.",
    },
    "disk_full": {
        "en": "Too little room for {model} in {root}: {needed} needed, {free} free. "
        "Free some, or choose another folder with PLANERKA_MODELS.",
        "ru": "Мало места для {model} в {root}: нужно {needed}, свободно {free}. "
        "Освободите место или укажите другую папку в PLANERKA_MODELS.",
    },
    "disk_filled": {
        "en": "The disk under {root} filled up while {model} was being pulled ({free} left). Free some room, "
        "or choose another folder with PLANERKA_MODELS, and run the command again: it continues where it stopped.",
        "ru": "Диск с {root} заполнился при загрузке {model} (осталось {free}). Освободите место или укажите другую "
        "папку в PLANERKA_MODELS и повторите команду: загрузка продолжится с того же места.",
    },
    "pull_failed": {
        "en": "The model {model} could not be pulled from any source. Run the command again when the cause is gone: "
        "what came whole is kept. Without a network, put the model's folder into PLANERKA_MODELS_SOURCE.",
        "ru": "Модель {model} не удалось получить ни из одного источника. Устраните причину и повторите команду: "
        "скачанное целиком сохранено. Без сети положите папку модели в PLANERKA_MODELS_SOURCE.",
    },
    "source_skipped": {
        "en": "{model} from {source}: skipped, {reason}",
        "ru": "{model} из источника «{source}»: пропущен, {reason}",
    },
    "skipped.unset": {
        "en": "PLANERKA_MODELS_SOURCE is not set",
        "ru": "переменная PLANERKA_MODELS_SOURCE не задана",
    },
    "skipped.no_folder": {"en": "there is no folder {place}", "ru": "нет папки {place}"},
    "skipped.not_model": {
        "en": "{place} has neither a finished model of this version (with its store.json) nor the files to make one",
        "ru": "в {place} нет ни готовой модели этой версии (с файлом store.json), ни исходных файлов для неё",
    },
    "skipped.no_pip": {
        "en": "this Python has no pip; get it: {place} -m ensurepip",
        "ru": "у этого Python нет pip; установите: {place} -m ensurepip",
    },
    "skipped.silent": {"en": "it did not answer a moment ago", "ru": "он только что не ответил"},
    "source_unreachable": {
        "en": "{model} from {source}: no answer ({reason}). Check the network, the proxy and pip's or the hub's address.",
        "ru": "{model} из источника «{source}»: нет ответа ({reason}). Проверьте сеть, прокси и адрес индекса pip "
        "или хаба.",
    },
    "source_refused": {
        "en": "{model} from {source}: refused ({reason}). Accept the model's terms there, or set a token.",
        "ru": "{model} из источника «{source}»: отказ ({reason}). Примите там условия модели или задайте токен.",
    },
    "file_not_offered": {
        "en": "{model} from {source}: {name} is not there. Ask whoever runs the mirror to add it.",
        "ru": "{model} из источника «{source}»: там нет {name}. Попросите владельца зеркала добавить.",
    },
    "file_truncated": {
        "en": "{model} from {source}: {name} is cut short, {got} of {expected} bytes. Run the command again.",
        "ru": "{model} из источника «{source}»: {name} обрезан, {got} из {expected} байт. Повторите команду.",
    },
    "file_corrupt": {
        "en": "{model} from {source}: {name} is not the file we know ({got} instead of {expected}); it was thrown "
        "away. Run the command again; if it stays so, the source was changed.",
        "ru": "{model} из источника «{source}»: {name} не тот файл ({got} вместо {expected}); он удалён. "
        "Повторите команду; если ошибка останется, источник изменён.",
    },
    "conversion_failed": {
        "en": "{model} from {source}: could not be converted: {reason}",
        "ru": "{model} из источника «{source}»: не удалось преобразовать: {reason}",
    },
    "phase.wait": {"en": "waiting for another pull", "ru": "ждём другую загрузку"},
    "phase.download": {"en": "downloading", "ru": "загрузка"},
    "phase.join": {"en": "joining", "ru": "сборка"},
    "phase.convert": {"en": "converting", "ru": "преобразование"},
    "phase.verify": {"en": "verifying", "ru": "проверка"},
    "phase.ready": {"en": "ready", "ru": "готово"},
    "state.present": {"en": "present", "ru": "есть"},
    "state.missing": {"en": "missing", "ru": "нет"},
    "state.outdated": {"en": "outdated", "ru": "устарела"},
    "state.damaged": {"en": "damaged", "ru": "повреждена"},
    "problem.gone": {"en": "{name} is gone", "ru": "нет файла {name}"},
    "problem.size": {
        "en": "{name} has {got} bytes instead of {expected}",
        "ru": "в {name} {got} байт вместо {expected}",
    },
    "problem.sha256": {"en": "{name} has another sha256", "ru": "у {name} другой sha256"},
}


def text(key: str, language: str = "en", **fields: str) -> str:
    """The sentence `key` in `language`; any language but Russian gives English."""
    return _TEXTS[key]["ru" if language.startswith("ru") else "en"].format(**fields)


def sized(count: int) -> str:
    """A number of bytes for people: `1.1 GB`."""
    units = ("B", "kB", "MB", "GB", "TB")
    power = min(len(units) - 1, (len(str(count)) - 1) // 3)
    value = count / 1000**power
    return f"{value:.0f} {units[power]}" if value >= 100 or power == 0 else f"{value:.1f} {units[power]}"
