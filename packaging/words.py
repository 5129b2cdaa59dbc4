#!/usr/bin/env python3
"""Puts the catalogue of words into the program and into the documents; `make words` runs it.

Reads Sources/Alerts/Wording/catalogue.txt, which translators edit, and writes one Swift source a language and
docs/messages.md and docs/messages.ja.md. With --check nothing is written: it ends with 1 where something is out of date.
"""

import argparse
import collections
import pathlib
import re
import sys

LANGUAGES = {
    "ja": ("japanese", "日本語", "Japanese"),
    "ja-x-easy": ("plainJapanese", "やさしい日本語", "plain Japanese"),
    "en": ("english", "英語", "English"),
    "vi": ("vietnamese", "ベトナム語", "Vietnamese"),
    "zh-Hans": ("simplifiedChinese", "中国語（簡体字）", "simplified Chinese"),
    "pt-BR": ("brazilianPortuguese", "ポルトガル語（ブラジル）", "Brazilian Portuguese"),
}
FIELDS = ("headline", "description", "instruction")
# Level, step of the configuration, Japanese name of the threshold, colour, and the weather service's and the city's own
# names of what they say at that level since May 2026: with "…" for the hazard.
LEVELS = (
    (5, "flooding", "氾濫発生", "#0C000C", "black", "黒", "レベル5…特別警報", "緊急安全確保"),
    (4, "danger", "氾濫危険水位", "#AA00AA", "purple", "紫", "レベル4…危険警報", "避難指示"),
    (3, "evacuation_judgment", "避難判断水位", "#FF2800", "red", "赤", "レベル3…警報", "高齢者等避難"),
    (2, "caution", "氾濫注意水位", "#F2E700", "yellow", "黄", "レベル2…注意報", ""),
    (1, "standby", "水防団待機水位", "#FFFFFF", "white", "白", "早期注意情報", ""),
)

ENGLISH = """# Every message

Made from `Sources/Alerts/Wording/catalogue.txt` by `make words`: edit that file, not this one. [日本語](messages.ja.md)

In braces stands what the program fills in; what each means is said at the top of the catalogue. In an exercise or a test
every text begins with its mark. Where a contact is configured it ends an alert's instruction, and a notice that somebody
should act on. Where a clock is not set, where there is an estimate, and where a message was sent late, a sentence says so. No
text orders an evacuation or uses the name of an official warning: a sensor has not the authority for either.

## Levels

A step of a gauge's ladder is *equivalent* to a level; the level itself is for the city to announce. The `info` topic
carries the colours for dashboards, and the weather service's names for their legends (`authorities_name`).

The last two columns are the authorities' own words in the system in force since 28 May 2026, for the manual on the wall: the
number is part of the name, and "…" stands for the hazard, as in レベル4大雨危険警報. The gateway never uses them of itself.

| level | step | threshold of the river authorities | colour | weather service: name in force | city: evacuation information |
|---|---|---|---|---|---|
{levels}
"""

JAPANESE = """# 通知文の一覧

`Sources/Alerts/Wording/catalogue.txt` から `make words` で作られます。直すのはそのファイルです。[English](messages.md)

波括弧の中はプログラムが埋めます。意味は元のファイルの先頭にあります。訓練・試験では、すべての文が先頭の印で始まります。
問い合わせ先が設定されていれば、「行動の文」（instruction）の最後と、対応が必要な家族への通知の最後に付きます。
時計が合っていないとき、推定があるとき、遅れて送られたときは、それを伝える文が続きます。
避難を促す文、公的な防災気象情報の名前を使う文はありません。センサにその権限はないからです。

## レベル

水位計の段階は、レベル「相当」です。レベルそのものを発表するのは市です。ダッシュボードのための色と、凡例のための気象庁の名称
（`authorities_name`）は `info` にあります。

右の二列は、2026 年 5 月 28 日から運用されている体系での、気象庁と市の名称です。数字も名称の一部で、「…」には
災害の種類が入ります（例：レベル4大雨危険警報）。見守り局が自分の通知にこれらの名称を使うことはありません。

| レベル | 段階 | 河川の基準水位 | 色 | 気象庁の名称（現行） | 市の避難情報 |
|---|---|---|---|---|---|
{levels}
"""


class Catalogue:
    """The texts by key and language, in the file's order, and what is wrong with the file."""

    def __init__(self, path):
        self.texts = collections.OrderedDict()
        self.sections = {}
        self.problems = []
        text = path.read_text(encoding="utf-8")
        known = set(re.findall(r"\{([a-z0-9_]+)\}", "\n".join(self._header(text))))
        key = section = None
        for number, line in enumerate(text.split("\n"), start=1):
            if line.startswith("# ---- "):
                section = tuple(part.strip() for part in line[len("# ---- ") :].split(" / ", 1))
                if len(section) != 2:
                    self._add(path, number, "a section needs two titles: write `# ---- English / 日本語`")
            elif not line or line.startswith("#"):
                continue
            elif line.startswith("[") and line.endswith("]"):
                key = line[1:-1]
                if key in self.texts:
                    self._add(path, number, f"[{key}] stands here a second time: keep one")
                if not re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", key):
                    self._add(path, number, f"[{key}] is no key: write words of a-z joined by full stops")
                self.texts.setdefault(key, {})
                self.sections[key] = section
            elif key is None:
                self._add(path, number, "a text stands before the first [key]: put it below one")
            else:
                self._add_text(path, number, line, key, known)
        for key, texts in self.texts.items():
            for tag in LANGUAGES:
                if tag not in texts:
                    self.problems.append(f"{path.name}: [{key}] has no text in {tag}: write one")

    @staticmethod
    def _header(text):
        for line in text.split("\n"):
            if not line.startswith("#") and line:
                return
            yield line

    def _add(self, path, number, problem):
        self.problems.append(f"{path.name}:{number}: {problem}")

    def _add_text(self, path, number, line, key, known):
        tag, separator, text = line.partition(" = ")
        if not separator or not text.strip():
            return self._add(path, number, "this is no text: write `language = text`")
        if tag not in LANGUAGES:
            return self._add(path, number, f"unknown language {tag}: there are {', '.join(LANGUAGES)}")
        if tag in self.texts[key]:
            return self._add(path, number, f"[{key}] has a second text in {tag}: keep one")
        for word in re.findall(r"\{([^}]*)\}?", text):
            if word not in known or "{" + word + "}" not in text:
                self._add(path, number, f"nothing is filled in for {{{word}}}: take a word from the list at the top")
        if "}" in re.sub(r"\{[^{}]*\}", "", text):
            self._add(path, number, "a closing brace has no opening one: add it or remove both")
        self.texts[key][tag] = text


def swift_source(catalogue, tag):
    lines = [f"{key} = {texts[tag]}" for key, texts in sorted(catalogue.texts.items())]
    body = "\n".join("    " + line for line in lines)
    return (
        "// Made by `make words` from catalogue.txt: edit that.\n// swift-format-ignore-file\n\n"
        f"extension Catalogue {{\n  static let {LANGUAGES[tag][0]} = #\"\"\"\n{body}\n    \"\"\"#\n}}\n"
    )


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def document(catalogue, is_japanese):
    names = {tag: name[1 if is_japanese else 2] for tag, name in LANGUAGES.items()}
    levels = "\n".join(
        f"| {level} | `{step}` | {name} | {japanese if is_japanese else english} `{colour}` | {weather} | {city or '–'} |"
        for level, step, name, colour, english, japanese, weather, city in LEVELS
    )
    lines = [(JAPANESE if is_japanese else ENGLISH).format(levels=levels).rstrip("\n")]
    sections = collections.OrderedDict()
    for key in catalogue.texts:
        sections.setdefault(catalogue.sections[key], []).append(key)
    for section, keys in sections.items():
        lines += ["", "## " + section[1 if is_japanese else 0]]
        parts = [key for key in keys if key.rpartition(".")[2] not in FIELDS]
        if parts:
            lines += ["", "| | " + " | ".join(names.values()) + " |", "|---" * (len(names) + 1) + "|"]
            for key in parts:
                texts = catalogue.texts[key]
                lines.append(f"| `{key}` | " + " | ".join(cell(texts[tag]) for tag in LANGUAGES) + " |")
        messages = collections.OrderedDict()
        for key in keys:
            prefix, _, field = key.rpartition(".")
            if field in FIELDS:
                messages.setdefault(prefix, []).append(field)
        for prefix, fields in messages.items():
            fields = [field for field in FIELDS if field in fields]
            lines += ["", f"### `{prefix}`", "", "| | " + " | ".join(fields) + " |", "|---" * (len(fields) + 1) + "|"]
            for tag in LANGUAGES:
                texts = [cell(catalogue.texts[f"{prefix}.{field}"][tag]) for field in fields]
                lines.append(f"| {names[tag]} | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 where something is out of date")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    options = parser.parse_args()
    wording = options.root / "Sources/Alerts/Wording"
    catalogue = Catalogue(wording / "catalogue.txt")
    if catalogue.problems:
        sys.exit("\n".join(catalogue.problems))
    files = {
        wording / "Languages" / f"{name[0][0].upper()}{name[0][1:]}.swift": swift_source(catalogue, tag)
        for tag, name in LANGUAGES.items()
    }
    files[options.root / "docs/messages.md"] = document(catalogue, is_japanese=False)
    files[options.root / "docs/messages.ja.md"] = document(catalogue, is_japanese=True)
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if options.check:
        if stale:
            sys.exit("Out of date, run `make words`: " + ", ".join(str(path.relative_to(options.root)) for path in stale))
        return
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], encoding="utf-8")
        print(f"wrote {path.relative_to(options.root)}")


if __name__ == "__main__":
    main()
