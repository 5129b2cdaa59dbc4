import Foundation
import Observations
import Testing

@testable import Alerts

@Suite struct `The catalogue` {
  static let catalogue = Catalogue.embedded

  @Test func `has nothing in it that cannot be read`() {
    #expect(Self.catalogue.problems == [])
    #expect(Self.catalogue.texts["ja"]?.count ?? 0 > 80)
  }

  @Test(arguments: Catalogue.languages)
  func `is complete in each language`(language: String) throws {
    let all = Set(Self.catalogue.texts.values.flatMap(\.keys))
    let texts = try #require(Self.catalogue.texts[language])
    #expect(all.subtracting(texts.keys) == [])
    for (key, template) in texts { #expect(template.segments.isEmpty == false, "\(key)") }
  }

  @Test func `fills in the same things in every language`() throws {
    let languageBound: Set<Placeholder> = [.year, .month, .day, .step, .threshold, .equivalent]
    for (key, template) in try #require(Self.catalogue.texts["ja"]) {
      for language in Catalogue.languages.dropFirst() {
        let other = Self.catalogue.texts[language]?[key]?.placeholders ?? []
        let difference = Set(template.placeholders).symmetricDifference(other).subtracting(languageBound)
        #expect(difference.isSubset(of: [.onset, .time, .sensor]), "[\(key)] \(language): \(difference)")
      }
    }
  }

  @Test func `has no text that nothing asks for`() {
    var asked: Set<String> = ["equivalent", "contact", "clock.unsynchronized", "value.unknown", "time.other_day"]
    asked.formUnion(["mode.exercise", "mode.test", "step.unknown", "cause.unknown"])
    asked.formUnion(LadderStep.allCases.map { "step.\($0.rawValue)" })
    asked.formUnion(Quantity.allCases.map { "unit.\($0.rawValue)" })
    asked.formUnion(Samples.causes.map { "cause.\($0.wordingGroup)" })
    asked.formUnion(AlertKind.allCases.map { "event.\($0.rawValue)" })
    asked.formUnion(NoticeKind.allCases.map { "notice_event.\($0.rawValue)" })
    for field in ["headline", "description", "instruction"] {
      for alert in Samples.alerts { asked.formUnion(Wording.keys(of: alert, field)) }
      for kind in ["arrival", "departure"] {
        asked.formUnion(["child", "elder"].map { "notice.\($0).\(kind).\(field)" })
      }
      asked.insert("notice.any.\(field)")
    }
    #expect(Set(Self.catalogue.texts.values.flatMap(\.keys)).subtracting(asked) == [])
  }

  /// Words of official warnings, of evacuation, of fear, and of certainty that no sensor has.
  static let forbidden = [
    "避難", "警報", "注意報", "特別警報", "危険情報", "氾濫情報", "氾濫発生", "警戒情報", "早期注意", "緊急安全確保", "高齢者等", "命令", "命を守",
    "にげ", "逃げ", "ひなん", "けいほう", "あんぜんです", "安全です", "迷子", "行方不明",
    "evacuat", "warning", "advisory", "emergency", "flee", "is safe now", "missing",
  ]

  @Test func `never orders an evacuation or uses an official warning's name`() {
    for (language, texts) in Self.catalogue.texts {
      for (key, template) in texts {
        let text = template.segments.map { if case .literal(let text) = $0 { text } else { "" } }.joined().lowercased()
        for word in Self.forbidden {
          #expect(!text.contains(word), "[\(key)] \(language) says \(word)")
        }
      }
    }
  }

  @Test func `tells what is wrong in it, by line`() {
    let text = """
      early = text
      [a]
      ja = {sensor} and {nothing}
      ja = {sensor
      xx = text
      en
      [b]
      ja = b
      ja = b again
      """
    #expect(
      Catalogue(parsing: Array(text.utf8)).problems == [
        "1: a text stands before the first [key]", "3: nothing is filled in for {nothing}",
        "4: nothing is filled in for {{sensor}", "5: unknown language xx", "6: write `language = text`",
        "9: [b] has a second text in ja",
      ])
  }

  @Test func `shows Japanese for a missing text, and its key where there is none at all`() {
    let text = """
      [water_level.raise.headline]
      ja = {sensor}：水位 {value}
      [any.description]
      ja = {kind}
      en = {kind}
      """
    let catalogue = Catalogue(parsing: Array(text.utf8))
    let wording = Wording(languages: ["en", "fr"], contact: nil, zone: Samples.tokyo, catalogue: catalogue)
    for text in wording.texts(for: Samples.alert()) {
      #expect(text.headline == "加古川 国包橋：水位 4.12 unit.water_level")
      #expect(text.description == "event.water_level")
      #expect(text.instruction == "any.instruction")
    }
  }
}

@Suite struct `The words of an alert` {
  static let wording = Wording(
    languages: Catalogue.languages, contact: "危機管理課 000-000-0000", zone: Samples.tokyo)

  static func fields(_ text: AlertText) -> [String] { [text.event, text.headline, text.description, text.instruction] }

  @Test func `are whole in every case`() {
    for alert in Samples.alerts {
      for text in Self.wording.texts(for: alert) {
        for field in Self.fields(text) {
          #expect(!field.contains { "{}".contains($0) }, "\(field)")
          #expect(!["cause.", "unit.", "step.", "event.", ".headline"].contains { field.contains($0) }, "\(field)")
          #expect(!field.contains("  ") && field.first != " " && field.last != " " && !field.contains(" ."), "\(field)")
          #expect(!field.contains("（）") && !field.contains("()"), "\(field)")
        }
      }
    }
  }

  @Test(arguments: [(AlertMode.exercise, "【訓練】", "[EXERCISE] "), (.test, "【試験】", "[TEST] ")])
  func `of a drill begin with its mark`(mode: AlertMode, japanese: String, english: String) {
    for alert in Samples.alerts where alert.mode == mode {
      for text in Self.wording.texts(for: alert) {
        let mark = text.language == "en" ? english : japanese
        for field in Self.fields(text) { #expect(field.hasPrefix(mark), "\(field)") }
      }
    }
  }

  @Test func `of what is real bear no drill's mark`() {
    for alert in Samples.alerts where alert.mode == .actual {
      for field in Self.wording.texts(for: alert).flatMap(Self.fields) {
        #expect(!["訓練", "試験", "くんれん", "テスト", "EXERCISE", "TEST"].contains { field.contains($0) }, "\(field)")
      }
    }
  }

  @Test func `say what was measured and where, in each language`() {
    let texts = Self.wording.texts(for: Samples.alert())
    #expect(texts[0].headline == "加古川 国包橋：水位 4.12 m、設定値 4.00 m に到達（レベル4相当）")
    #expect(texts[1].headline == "加古川 国包橋：水の たかさが 4.12 メートルに なりました（レベル4に あたります）")
    #expect(
      texts[2].headline
        == "加古川 国包橋: water level 4.12 m reached the configured 4.00 m (equivalent of level 4)")
    for text in texts {
      #expect(text.description.contains("15:02"))
      #expect(text.instruction.hasSuffix("危機管理課 000-000-0000"))
    }
  }

  @Test(arguments: [
    (4.12, 4.0, "4.12 m"), (4.0, 4.0, "4.00 m"), (3.996, 4.0, "3.996 m"), (3.994, 4.0, "3.99 m"),
    (4.004, 4.004, "4.004 m"), (4.126, 4.0, "4.13 m"), (-0.126, -0.5, "-0.13 m"), (-0.004, 0.0, "-0.004 m"),
  ])
  func `round a value to two decimals, but never over its threshold`(value: Double, threshold: Double, shown: String) {
    let texts = Self.wording.texts(for: Samples.alert(.waterLevel, .update, value: value, threshold: threshold))
    #expect(texts[0].headline.contains("水位 \(shown)、"), "\(texts[0].headline)")
  }

  @Test func `of a change of step say on which side of the threshold the value lies`() {
    let above = Samples.alert(.waterLevel, .update, reason: "step", value: 4.0)
    #expect(Self.wording.texts(for: above)[0].headline == "加古川 国包橋：水位 4.00 m、設定値 4.00 m 以上（レベル4相当）")
    let below = Samples.alert(.waterLevel, .update, reason: "step", value: 3.95)
    #expect(Self.wording.texts(for: below)[0].headline == "加古川 国包橋：水位 3.95 m に低下、危険の基準の段階（レベル4相当）")
  }

  @Test(arguments: [AlertKind.waterLevel, .floodContact, .sensorFault, .blind])
  func `of an end say that it is over only where that was measured`(kind: AlertKind) {
    let over = Self.wording.texts(for: Samples.alert(kind, .clear))
    for reason in ["removed", "made_up_later"] {
      let ended = Self.wording.texts(for: Samples.alert(kind, .clear, reason: reason))
      for (over, ended) in zip(over, ended) { #expect(over.headline != ended.headline) }
      #expect(ended[0].description.hasSuffix("異常がなくなったという意味ではありません。"))
      #expect(ended[2].description.hasSuffix("This does not say that all is well."))
    }
  }

  @Test func `tell each cause of a fault, and show one that they do not know`() {
    for cause in Samples.causes {
      let text = Self.wording.texts(for: Samples.alert(.sensorFault, fault: cause))[2]
      #expect(text.headline.contains(cause.rawValue) == (cause.rawValue == "made_up_later"), "\(text.headline)")
    }
    let unknown = Self.wording.texts(for: Samples.alert(.sensorFault))
    #expect(unknown[0].headline == "加古川 国包橋：センサの異常（原因は不明です）")
  }

  @Test func `name the day of what began on another`() {
    var alert = Samples.alert(.waterLevel, .update, reason: "renewed")
    alert.onset = Samples.moment(-86_400)
    let texts = Self.wording.texts(for: alert)
    #expect(texts[0].description.hasPrefix("11月20日15:02 に始まった"))
    #expect(texts[2].description.contains("2026-11-20 15:02"))
  }

  @Test func `say so when the clock is not to be trusted`() {
    for text in Self.wording.texts(for: Samples.alert(clock: .unsynchronized)) {
      #expect(
        text.description != Self.wording.texts(for: Samples.alert()).first { $0.language == text.language }?.description
      )
    }
    #expect(Self.wording.texts(for: Samples.alert(clock: .rtc)) == Self.wording.texts(for: Samples.alert()))
  }
}

@Suite struct `The words of a notice` {
  static let wording = Wording(languages: Catalogue.languages, contact: nil, zone: Samples.tokyo)

  @Test(arguments: [
    (NoticeKind.arrival, WatchPlan.Person.child, "15:02 国包小学校 正門に着きました", "Arrived at 国包小学校 正門 at 15:02"),
    (.departure, .child, "15:01 国包小学校 正門を離れました", "Left 国包小学校 正門 at 15:01"),
    (.arrival, .elder, "15:02 国包小学校 正門で確認しました", "Detected at 国包小学校 正門 at 15:02"),
    (.departure, .elder, "15:01 国包小学校 正門から離れました", "Left 国包小学校 正門 at 15:01"),
  ])
  func `name the place and the time`(kind: NoticeKind, person: WatchPlan.Person, japanese: String, english: String) {
    let texts = Self.wording.texts(for: Samples.notice(kind, person: person, lastSeen: -61))
    #expect(texts.map(\.headline).first == japanese)
    #expect(texts.map(\.headline).last == english)
  }

  @Test func `hold no id and nothing that is not filled in`() {
    for notice in Samples.notices {
      for text in Self.wording.texts(for: notice) {
        for field in [text.headline, text.description] {
          for id in [notice.subject.text, notice.place.text, notice.sensor.text, notice.id, "{", "notice", "ja-x"] {
            #expect(!field.contains(id), "\(field)")
          }
        }
        #expect(
          text.headline.hasPrefix("【訓練】")
            || text.headline.hasPrefix("[EXERCISE]") == (notice.mode == .exercise && text.language == "en"))
      }
    }
  }

  @Test func `say another day's date`() {
    let texts = Self.wording.texts(for: Samples.notice(.departure, lastSeen: -86_400))
    #expect(texts[0].headline == "11月20日15:02 国包小学校 正門を離れました")
  }
}
