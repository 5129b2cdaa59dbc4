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
    asked.formUnion(["within.minutes", "within.hours", "per.minutes", "per.hours", "time.never"])
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

  @Test(arguments: [
    (AlertMode.exercise, ["【訓練】", "【訓練】", "[EXERCISE] ", "[DIỄN TẬP] ", "【演练】", "[SIMULADO] "]),
    (.test, ["【試験】", "【試験】", "[TEST] ", "[THỬ NGHIỆM] ", "【测试】", "[TESTE] "]),
  ])
  func `of a drill begin with its mark, in each language`(mode: AlertMode, marks: [String]) {
    for alert in Samples.alerts where alert.mode == mode {
      for (text, mark) in zip(Self.wording.texts(for: alert), marks) {
        for field in Self.fields(text) { #expect(field.hasPrefix(mark), "\(field)") }
      }
    }
  }

  @Test func `of what is real bear no drill's mark`() {
    for alert in Samples.alerts where alert.mode == .actual {
      for field in Self.wording.texts(for: alert).flatMap(Self.fields) {
        #expect(
          !["訓練", "試験", "くんれん", "テスト", "EXERCISE", "TEST", "演练", "测试", "SIMULADO", "DIỄN TẬP"].contains {
            field.contains($0)
          }, "\(field)")
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
    #expect(texts[3].headline == "加古川 国包橋: mực nước 4,12 m đã chạm ngưỡng cài đặt 4,00 m (tương đương mức 4)")
    #expect(texts[4].headline == "加古川 国包橋：水位4.12米，达到设定值4.00米（相当于4级）")
    #expect(
      texts[5].headline
        == "加古川 国包橋: nível da água 4,12 m atingiu o limite configurado de 4,00 m (equivalente ao nível 4)")
    for (text, time) in zip(texts, ["15:02", "ごご 3時2分", "15:02", "15:02", "15:02", "15h02"]) {
      #expect(text.description.contains(time), "\(text.description)")
      #expect(text.instruction.hasSuffix("危機管理課 000-000-0000"))
    }
  }

  @Test func `say how much rain fell in what time`() {
    var alert = Samples.alert(.rain)
    alert.observed = .init(
      quantity: .rain, value: Samples.measure(52.5, .rain), threshold: Samples.measure(50, .rain), within: .hours(1))
    #expect(
      Self.wording.texts(for: alert).map(\.headline) == [
        "加古川 国包橋：雨量 52.5 mm（1時間）、設定値 50.0 mm に到達", "加古川 国包橋：雨が 52.5 ミリ ふりました（1時間の あいだ）",
        "加古川 国包橋: rainfall 52.5 mm in 1 h reached the configured 50.0 mm",
        "加古川 国包橋: lượng mưa 52,5 mm trong 1 giờ đã chạm ngưỡng cài đặt 50,0 mm",
        "加古川 国包橋：雨量52.5毫米（1小时内），达到设定值50.0毫米",
        "加古川 国包橋: chuva de 52,5 mm em 1 h atingiu o limite configurado de 50,0 mm",
      ])
  }

  @Test func `say how fast water rises as a rate, and never that so much was measured`() {
    var rise = Samples.alert(.rateOfRise, value: 0.6, threshold: 0.5)
    rise.observed?.within = .minutes(10)
    let texts = Self.wording.texts(for: rise)
    #expect(
      texts.map(\.headline) == [
        "加古川 国包橋：水位が急に上昇、毎10分 0.60 m の速さ", "加古川 国包橋：水が はやく ふえて います。10分に 0.60 メートル ふえる はやさです",
        "加古川 国包橋: water rising fast, at a rate of 0.60 m per 10 min",
        "加古川 国包橋: nước dâng nhanh, tốc độ 0,60 m mỗi 10 phút",
        "加古川 国包橋：水位急速上升，速度为每10分钟0.60米",
        "加古川 国包橋: água subindo rápido, ao ritmo de 0,60 m a cada 10 min",
      ])
    #expect(texts[0].description.contains("設定値 毎10分 0.50 m に達しました。最近の測定値から計算した速さ"))
    for message in [MessageType.raise, .update] {
      var rise = Samples.alert(.rateOfRise, message, value: 0.6, threshold: 0.5)
      rise.observed?.within = .hours(1)
      let texts = Self.wording.texts(for: rise)
      let measured = [
        "センサの測定値であり", "かずです", "sensor's reading", "số đo của cảm biến", "传感器的测量值", "medição de um sensor",
      ]
      let within = ["（1時間）", "あいだ", "in 1 h", "trong 1", "1小时内", "em 1 h"]
      let rate = ["毎1時間", "1時間に", "per 1 h", "mỗi 1 giờ", "每1小时", "a cada 1 h"]
      for (index, text) in texts.enumerated() {
        for field in [text.headline, text.description] {
          #expect(field.contains(rate[index]), "\(field)")
          #expect(!field.contains(measured[index]) && !field.contains(within[index]), "\(field)")
        }
      }
    }
  }

  @Test(arguments: [
    (0.72, "水位は10分間に 12 cm の速さで上がっています。", "The water is rising at a rate of 12 cm per 10 min."),
    (0.06, "水位は10分間に 1 cm の速さで上がっています。", "The water is rising at a rate of 1 cm per 10 min."),
    (0.059, "水位はほとんど変わっていません（10分間に 1 cm 未満）。", "The water level is nearly steady (less than 1 cm per 10 min)."),
    (-0.059, "水位はほとんど変わっていません（10分間に 1 cm 未満）。", "The water level is nearly steady (less than 1 cm per 10 min)."),
    (-1.77, "水位は10分間に 30 cm の速さで下がっています。", "The water is falling at a rate of 30 cm per 10 min."),
  ])
  func `of a level say whether it rises, where that is known`(perHour: Double, japanese: String, english: String) {
    var alert = Samples.alert()
    let without = Self.wording.texts(for: alert)
    alert.observed?.ratePerHour = Samples.measure(perHour)
    let texts = Self.wording.texts(for: alert)
    #expect(texts[0].description == without[0].description + " " + japanese)
    #expect(texts[2].description == without[2].description + " " + english)
    for (text, without) in zip(texts, without) { #expect(text.description.count > without.description.count + 10) }
    alert.observed?.value = nil
    #expect(!Self.wording.texts(for: alert)[0].description.contains(japanese))
    var doubt = Samples.alert(.waterLevel, .update, reason: "fault")
    doubt.observed?.ratePerHour = Samples.measure(perHour)
    doubt.certainty = .unknown
    #expect(!Self.wording.texts(for: doubt)[2].description.contains(english))
    var gone = Samples.alert(.waterLevel, .clear, reason: "removed")
    gone.observed?.ratePerHour = Samples.measure(perHour)
    #expect(!Self.wording.texts(for: gone)[2].description.contains(english))
  }

  @Test func `mark an estimate as one, and take it back`() {
    var alert = Samples.alert(.waterLevel, .update, reason: "forecast")
    alert.observed?.next = Alert.Next(
      step: .flooding, at: Samples.afternoon + .minutes(53), earliest: Samples.afternoon + .minutes(40),
      latest: Samples.afternoon + .hours(10))
    let texts = Self.wording.texts(for: alert)
    #expect(texts[0].description.hasSuffix("推定：このまま上がると、15:55ごろ（15:42から11月22日01:02の間）に氾濫の基準に達する見込みです。"))
    #expect(texts[5].description.contains("Estimativa"))
    let withdrawn = Samples.alert(.waterLevel, .update, reason: "forecast_withdrawn")
    #expect(
      Self.wording.texts(for: withdrawn)[2].description.hasSuffix(" The estimate of the last message is withdrawn."))
  }

  @Test func `of a fault say what its staff can do`() {
    let todo = Set(
      Samples.causes.map { Self.wording.texts(for: Samples.alert(.sensorFault, fault: $0))[2].instruction })
    #expect(todo.count == 12)
    #expect(todo.allSatisfy { $0.hasPrefix("This sensor cannot tell what happens there. ") })
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
    #expect(texts[1].description.contains("11月20日 ごご 3時2分"))
    #expect(texts[2].description.contains("2026-11-20 15:02"))
    #expect(texts[3].description.contains("15:02 ngày 20/11/2026"))
    #expect(texts[5].description.contains("20/11/2026 15h02"))
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
    #expect(texts[2].headline == english)
  }

  @Test func `hold no id and nothing that is not filled in`() {
    for notice in Samples.notices {
      for text in Self.wording.texts(for: notice) {
        for field in [text.headline, text.description] {
          for id in [notice.subject.text, notice.place.text, notice.sensor.text, notice.id, "{", "notice", "ja-x"] {
            #expect(!field.contains(id), "\(field)")
          }
        }
        let marks = ["【訓練】", "[EXERCISE]", "[DIỄN TẬP]", "【演练】", "[SIMULADO]"]
        #expect(marks.contains { text.headline.hasPrefix($0) } == (notice.mode == .exercise))
      }
    }
  }

  @Test func `tell whom to ask, except of what happens every day`() {
    let wording = Wording(languages: Catalogue.languages, contact: "見守り係 000", zone: Samples.tokyo)
    for notice in Samples.notices {
      let isRoutine = [.arrival, .departure, .passage].contains(notice.kind)
      for text in wording.texts(for: notice) { #expect(text.description.contains("見守り係 000") == !isRoutine) }
    }
  }

  @Test func `of a moving board say that the position is the vehicle's`() {
    var notice = Samples.notice(.passage)
    #expect(Self.wording.texts(for: notice)[0].headline == "15:02 国包小学校 正門の近くを通りました")
    notice.whereabouts = .moving(nil)
    #expect(Self.wording.texts(for: notice)[0].headline == "15:02 国包小学校 正門とすれ違いました")
  }

  @Test func `of somebody who was never detected name no time of a last detection`() throws {
    let texts = Self.wording.texts(for: Samples.neverSeen(.notSeen))
    #expect(
      texts.map(\.headline) == [
        "15:02 国包小学校 正門でまだ一度も検知していません", "ごご 3時2分 国包小学校 正門で まだ 一ども みつかって いません",
        "Not detected at 国包小学校 正門 even once up to 15:02", "国包小学校 正門: đến 15:02 chưa phát hiện lần nào",
        "到15:02，国包小学校 正門从未检测到", "国包小学校 正門: nenhuma detecção até 15h02",
      ])
    for (language, text) in zip(Catalogue.languages, texts) {
      let never = try #require(Catalogue.embedded.texts(in: language)?.byKey["time.never"]).render(Template.Values())
      #expect(text.language == language && !text.headline.contains(never) && !text.description.contains(never))
      #expect(!text.description.contains("1970"))
    }
    #expect(Self.wording.texts(for: Samples.notice(.notSeen))[0].headline == "国包小学校 正門で 15:02 から検知していません")
  }

  @Test func `say another day's date`() {
    let texts = Self.wording.texts(for: Samples.notice(.departure, lastSeen: -86_400))
    #expect(texts[0].headline == "11月20日15:02 国包小学校 正門を離れました")
  }
}
