import Foundation
import Observations
import Testing

@testable import Alerts

@Suite struct `The catalogue` {
  static let texts = Dictionary(
    uniqueKeysWithValues: Catalogue.languages.map { ($0, Catalogue.embedded.texts(in: $0)?.byKey ?? [:]) })

  @Test func `has nothing in it that cannot be read`() {
    for language in Catalogue.languages { #expect(Catalogue.embedded.texts(in: language)?.problems == []) }
    #expect(Catalogue.embedded.texts(in: "fr") == nil)
    #expect(Self.texts["ja"]?.count ?? 0 > 200)
  }

  @Test(arguments: Catalogue.languages)
  func `is complete in each language`(language: String) throws {
    let all = Set(Self.texts.values.flatMap(\.keys))
    let texts = try #require(Self.texts[language])
    #expect(all.subtracting(texts.keys) == [])
    for (key, template) in texts { #expect(template.segments.isEmpty == false, "\(key)") }
  }

  @Test func `fills in the same things in every language`() throws {
    let languageBound: Set<Placeholder> = [
      .year, .month, .month2, .day, .day2, .step, .threshold, .equivalent, .value, .within, .per, .cause,
      .half, .hour, .hour2, .hour12, .minute, .minute2,
    ]
    for (key, template) in try #require(Self.texts["ja"]) {
      for language in Catalogue.languages.dropFirst() {
        let other = Self.texts[language]?[key]?.placeholders ?? []
        let difference = Set(template.placeholders).symmetricDifference(other).subtracting(languageBound)
        #expect(difference.isSubset(of: [.onset, .time, .sensor]), "[\(key)] \(language): \(difference)")
        if key.hasSuffix("description"), !key.hasSuffix("clear.description"), language != "ja-x-easy" {
          #expect(difference.isSubset(of: [.onset]), "[\(key)] \(language): \(difference)")
        }
      }
    }
  }

  @Test func `has no text that nothing asks for`() {
    var asked: Set<String> = ["equivalent", "contact", "clock.unsynchronized", "value.unknown", "level.name"]
    asked.formUnion(["mode.exercise", "mode.test", "step.unknown", "cause.unknown", "todo.unknown", "number.point"])
    asked.formUnion(["time.clock", "time.other_day", "time.before_noon", "time.after_noon", "list.two", "list.more"])
    asked.formUnion(["within.minutes", "within.hours", "per.minutes", "per.hours", "time.never", "time.unknown"])
    asked.formUnion(["forecast", "forecast.withdrawn", "acknowledged", "clock.corrected"])
    asked.formUnion(["late", "late.untimed", "trend.rising", "trend.steady", "trend.falling"])
    asked.formUnion(LadderStep.allCases.map { "step.\($0.rawValue)" })
    asked.formUnion(Quantity.allCases.map { "unit.\($0.rawValue)" })
    asked.formUnion(Samples.causes.flatMap { ["cause.\($0.wordingGroup)", "todo.\($0.wordingGroup)"] })
    asked.formUnion(AlertKind.allCases.map { "event.\($0.rawValue)" })
    asked.formUnion(NoticeKind.allCases.map { "notice_event.\($0.rawValue)" })
    for field in ["headline", "description", "instruction"] {
      for alert in Samples.alerts { asked.formUnion(Wording.keys(of: alert, field)) }
      for notice in Samples.notices { asked.formUnion(Wording.keys(of: notice, field)) }
    }
    #expect(Set(Self.texts.values.flatMap(\.keys)).subtracting(asked) == [])
  }

  @Test func `has words of its own for every message of every kind`() {
    for kind in AlertKind.allCases {
      for message in ["raise", "update", "clear"] {
        for field in ["headline", "description"] {
          let keys = ["\(kind.rawValue).\(message).\(field)", "\(kind.rawValue).\(field)"]
          #expect(keys.contains { Self.texts["ja"]?[$0] != nil }, "\(keys)")
        }
      }
      #expect(Self.texts["ja"]?["\(kind.rawValue).instruction"] != nil, "\(kind)")
    }
    for notice in Samples.notices {
      for field in ["headline", "description"] {
        let keys = Wording.keys(of: notice, field).dropLast()
        #expect(keys.contains { Self.texts["ja"]?[$0] != nil }, "\(keys)")
      }
    }
  }

  /// Words of official warnings (also of those that were abolished), of evacuation, of fear, and of certainty that no
  /// sensor has, in each language.
  static let forbidden = [
    "ja": [
      "避難", "警報", "注意報", "特別警報", "危険警報", "危険情報", "氾濫情報", "氾濫発生", "警戒情報", "早期注意", "緊急安全確保", "高齢者等", "命令",
      "命を守", "にげ", "逃げ", "ひなん", "けいほう", "あんぜんです", "安全です", "迷子", "行方不明",
    ],
    "ja-x-easy": ["避難", "警報", "注意報", "にげ", "逃げ", "ひなん", "けいほう", "あんぜんです", "安全", "まいご", "めいれい"],
    "en": [
      "evacuat", "warning", "advisory", "emergency", "flee", "is safe", "are safe now", "missing", "alert level",
      "order",
    ],
    "vi": ["sơ tán", "di tản", "lánh nạn", "cảnh báo", "báo động", "khẩn cấp", "lệnh", "mất tích", "đi lạc"],
    "zh-Hans": [
      "疏散", "避难", "避难指示", "撤离", "警报", "预警", "警告", "注意报", "特别警报", "紧急", "命令", "失踪", "走失", "警戒级别",
    ],
    "pt-BR": ["evacu", "alerta", "aviso", "emergência", "ordem", "desaparecid", "fuja", "abandone"],
  ]

  @Test func `never orders an evacuation or uses an official warning's name, in any language`() throws {
    #expect(Set(Self.forbidden.keys) == Set(Catalogue.languages))
    for (language, texts) in Self.texts {
      let words = try #require(Self.forbidden[language])
      for (key, template) in texts {
        let text = template.segments.map { if case .literal(let text) = $0 { text } else { "" } }.joined().lowercased()
        for word in words where !Self.isDenial(key, word) {
          #expect(!text.contains(word), "[\(key)] \(language) says \(word)")
        }
      }
    }
  }

  /// "does not say that the river is safe" may say "is safe".
  private static func isDenial(_ key: String, _ word: String) -> Bool {
    word == "is safe"
      && texts["en"]?[key].map { template in
        let text = template.segments.map { if case .literal(let text) = $0 { text } else { "" } }.joined()
        return text.contains("This does not say that")
      } == true
  }

  @Test func `tells what cannot be read in it`() {
    let texts = Catalogue.Texts(
      "ja", "a = {sensor} and {nothing}\nb = {sensor\nc = c\nc = again\nno text\nd= d\ne = }")
    #expect(
      texts.problems == [
        "ja: [a]: nothing is filled in for {nothing}", "ja: [b]: nothing is filled in for {{sensor}",
        "ja: [c] has a second text", "ja: no key in no text", "ja: no key in d= d",
        "ja: [e]: nothing is filled in for {}}",
      ])
  }

  @Test func `shows English for a missing text, else Japanese, else its key`() {
    let catalogue = Catalogue([
      Catalogue.Texts("ja", "water_level.raise.headline = {sensor}：水位 {value}\nany.description = 説明"),
      Catalogue.Texts("en", "any.description = {kind}"),
    ])
    for (language, description) in [("vi", "event.water_level"), ("ja-x-easy", "説明")] {
      let wording = Wording(languages: [language], contact: nil, zone: Samples.tokyo, catalogue: catalogue)
      for text in wording.texts(for: Samples.alert()) {
        #expect(text.headline == "加古川 国包橋：水位 unit.water_level")
        #expect(text.description == description)
        #expect(text.instruction == "any.instruction")
      }
    }
  }

  @Test func `is what the translators' file says, and so are the documents`() throws {
    let result = try Peer.words(["--check"])
    #expect(result.status == 0, "\(result.errors)")
    for level in AlertLevel.allCases {
      for file in ["docs/messages.md", "docs/messages.ja.md"] {
        let text = try String(contentsOf: Peer.checkout.appending(path: file), encoding: .utf8)
        #expect(text.contains("| \(level.rawValue) | `\(LadderStep.allCases[level.rawValue - 1].rawValue)`"))
        #expect(text.contains(level.color))
        let row = text.split(separator: "\n").first { $0.hasPrefix("| \(level.rawValue) | `") }
        #expect(row?.contains(level.authoritiesName + " |") == true)
        #expect(row?.contains("レベル\(level.rawValue)…") == (level != .one))
      }
    }
  }

  @Test func `names the levels in info as the authorities do, and uses those names nowhere else`() throws {
    struct Info: Decodable {
      struct Level: Decodable {
        struct Name: Decodable { var text: String }
        var level: Int
        var name: [Name]
        var authoritiesName: String
      }
      var levels: [Level]
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let levels = try decoder.decode(Info.self, from: Data(Samples.formats.info())).levels
    #expect(levels.map(\.level) == [1, 2, 3, 4, 5])
    #expect(levels.map(\.authoritiesName) == ["早期注意情報", "注意報", "警報", "危険警報", "特別警報"])
    for level in levels {
      for name in level.name { #expect(!name.text.contains("警報") && !name.text.contains("注意報")) }
    }
    for alert in Samples.alerts {
      let text = String(decoding: Samples.formats.alert(alert), as: UTF8.self)
      for level in levels { #expect(!text.contains(level.authoritiesName)) }
    }
  }

  @Test func `is refused as a file, by line, where something is wrong in it`() throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "mimamori-\(UUID().uuidString)")
    let folder = root.appending(path: "Sources/Alerts/Wording")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: root) }
    let text = """
      # {sensor}
      ja = early
      # ---- One
      [a]
      ja = {sensor} and {nothing}
      ja = again
      xx = text
      en
      [a]
      vi = }
      """
    try Data(text.utf8).write(to: folder.appending(path: "catalogue.txt"))
    let result = try Peer.words(["--root", root.path])
    #expect(result.status == 1)
    #expect(
      result.errors.trimmingCharacters(in: .newlines) == """
        catalogue.txt:2: a text stands before the first [key]: put it below one
        catalogue.txt:3: a section needs two titles: write `# ---- English / 日本語`
        catalogue.txt:5: nothing is filled in for {nothing}: take a word from the list at the top
        catalogue.txt:6: [a] has a second text in ja: keep one
        catalogue.txt:7: unknown language xx: there are ja, ja-x-easy, en, vi, zh-Hans, pt-BR
        catalogue.txt:8: this is no text: write `language = text`
        catalogue.txt:9: [a] stands here a second time: keep one
        catalogue.txt:10: a closing brace has no opening one: add it or remove both
        catalogue.txt: [a] has no text in ja-x-easy: write one
        catalogue.txt: [a] has no text in en: write one
        catalogue.txt: [a] has no text in zh-Hans: write one
        catalogue.txt: [a] has no text in pt-BR: write one
        """)
  }
}
