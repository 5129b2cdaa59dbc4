import Observations
import Testing

@testable import Alerts

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
    let beginnings = [
      "This sensor cannot tell what happens there. ", "This sensor goes on measuring, but its values may be wrong. ",
    ]
    let counts = beginnings.map { beginning in todo.count { $0.hasPrefix(beginning) } }
    #expect(counts == [10, 2])
  }

  @Test(arguments: [FaultCause.noisy, .contradicting])
  func `of a sensor that goes on measuring never say that it says nothing`(cause: FaultCause) {
    let silence = [
      "得られ", "分かりません。異常", "とまって", "stopped", "unknown", "no value", "không cho", "không còn cho", "无法", "parou",
      "não dá",
    ]
    for (message, reason) in [
      (MessageType.raise, nil), (.update, "cause"), (.update, "renewed"), (.clear, "recovered"),
    ] as [(MessageType, String?)] {
      let texts = Self.wording.texts(for: Samples.alert(.sensorFault, message, reason: reason, fault: cause))
      let others = Self.wording.texts(for: Samples.alert(.sensorFault, message, reason: reason, fault: .silent))
      for (text, other) in zip(texts, others) {
        #expect(text.description != other.description)
        for field in Self.fields(text) { #expect(!silence.contains { field.contains($0) }, "\(field)") }
      }
    }
    let unstable = Samples.alert(.sensorFault, .update, reason: "unstable", fault: cause)
    #expect(Self.wording.texts(for: unstable)[2].headline.hasPrefix("加古川 国包橋: the fault comes and goes"))
    #expect(Self.wording.texts(for: unstable)[2].instruction.hasPrefix("This sensor goes on measuring"))
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
