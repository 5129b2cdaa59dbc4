import Alerts
import Delivery
import Foundation
import Gateway
import Observations
import Testing

@Suite struct `Open data` {
  static let zone = TimeZoneOffsets.fixed(seconds: 9 * 3600)

  static func table() throws -> OpenDataTable {
    let configuration = try #require(ConfigurationSamples.check(try ConfigurationSamples.example()).configuration)
    return OpenDataTable(configuration, zone: zone)
  }

  static func record(
    _ sensor: String, _ quantity: String, _ thousandths: Int64?, count: Int64? = nil, fault: String? = nil
  ) -> ObservationRecord {
    ObservationRecord(
      wallMilliseconds: 1_795_240_940_000, sensor: sensor, quantity: quantity, thousandths: thousandths, count: count,
      fault: fault, clock: "synchronized")
  }

  @Test func `has as many cells in each row as in the header, and the code of the municipality`() throws {
    let table = try Self.table()
    let columns = OpenDataTable.header.split(separator: ",")
    for record in [
      Self.record("river-upper", "water_level", -50), Self.record("subway", "flood_contact", 1000),
      Self.record("rain", "rain", 617_500, count: 1235), Self.record("gone", "water_level", nil, fault: "timeout"),
    ] {
      let cells = table.row(record).split(separator: ",", omittingEmptySubsequences: false)
      #expect(cells.count == columns.count)
      #expect(cells[0] == "2026-11-21T15:02:20+09:00")
      #expect(cells[1].wholeMatch(of: /[0-9]{6}/) != nil)
    }
  }

  @Test func `tells a level as a number, a contact as a state and a fault by its cause`() throws {
    let table = try Self.table()
    #expect(table.row(Self.record("gone", "water_level", -50)).hasSuffix(",water_level,-0.05,m,,,,synchronized"))
    #expect(table.row(Self.record("gone", "flood_contact", 1000)).hasSuffix(",flood_contact,,,wet,,,synchronized"))
    #expect(table.row(Self.record("gone", "rain", 500, count: 1)).hasSuffix(",rain,0.5,mm,,1,,synchronized"))
    #expect(
      table.row(Self.record("gone", "water_level", nil, fault: "timeout"))
        .hasSuffix(",water_level,,m,,,timeout,synchronized"))
  }

  @Test(arguments: [
    ("2026-11", "2026-11-01T00:00:00+09:00", "2026-12-01T00:00:00+09:00"),
    ("2026-12", "2026-12-01T00:00:00+09:00", "2027-01-01T00:00:00+09:00"),
    ("2028-02", "2028-02-01T00:00:00+09:00", "2028-03-01T00:00:00+09:00"),
  ])
  func `knows the months of its zone`(month: String, start: String, end: String) throws {
    let span = try #require(CivilDays.month(month, in: Self.zone))
    #expect(span.lowerBound.rfc3339(in: Self.zone) == start)
    #expect(span.upperBound.rfc3339(in: Self.zone) == end)
  }

  @Test(arguments: ["2026-13", "2026-1", "2026", "November", "2026-00", ""])
  func `knows no other months`(month: String) {
    #expect(CivilDays.month(month, in: Self.zone) == nil)
  }
}

@Suite struct `The evidence of a month` {
  static let zone = `Open data`.zone

  static func message(
    _ id: String, _ message: String, at time: String, kind: String = "water_level", level: Int? = nil,
    step: String? = nil, next: String? = nil, mode: String = "actual", mark: String? = nil, fault: String? = nil
  ) -> [UInt8] {
    func quoted(_ text: String?) -> String { text.map { "\"\($0)\"" } ?? "null" }
    let next = next.map { "{\"step\":\"\($0)\"}" } ?? "null"
    let acknowledged = mark.map { "{\"cause\":\"\($0)\"}" } ?? "null"
    return Array(
      """
      {"id":"\(id)","message":"\(message)","mode":"\(mode)","kind":"\(kind)","sensor":"river-1","name":"国包橋",
       "level":\(level.map { String($0) } ?? "null"),"step":\(quoted(step)),"onset":"\(time)","detected":"\(time)",
       "fault":\(quoted(fault)),"observed":{"next":\(next)},"acknowledged":\(acknowledged)}
      """.utf8)
  }

  static func time(_ text: String) -> Int64 { WallTime(rfc3339: text)?.milliseconds ?? 0 }

  static func summary(
    languages: String = "ja", runs: [LedgerRun], messages: [[UInt8]] = [], marks: [AlertMark] = []
  ) throws -> String {
    let text = String(decoding: try ConfigurationSamples.example(), as: UTF8.self)
      .replacing("languages = [\"ja\", \"en\"]", with: "languages = [\"\(languages)\"]")
    let configuration = try #require(ConfigurationSamples.check(text).configuration)
    var evidence = try #require(EvidenceSummary(configuration, zone: zone, month: "2026-11", runs: runs))
    for message in messages { evidence.add(message: message) }
    for mark in marks { evidence.add(mark) }
    return evidence.text
  }

  static let runs = [
    LedgerRun(
      boot: "a", beganMilliseconds: time("2026-10-20T00:00:00+09:00"),
      aliveMilliseconds: time("2026-11-10T00:00:00+09:00"), ended: nil),
    LedgerRun(
      boot: "b", beganMilliseconds: time("2026-11-10T07:12:00+09:00"),
      aliveMilliseconds: time("2026-11-20T00:00:00+09:00"), ended: "stop"),
    LedgerRun(
      boot: "c", beganMilliseconds: time("2026-11-20T00:00:20+09:00"),
      aliveMilliseconds: time("2026-12-03T00:00:00+09:00"), ended: nil),
  ]

  @Test func `counts the time that the gateway ran, and names the gaps`() throws {
    let text = try Self.summary(runs: Self.runs)
    #expect(text.contains("# 月次記録 2026-11\n"))
    // 7 h 12 min and 20 s of 720 h are missing.
    #expect(text.contains("- 稼働時間: 712 h 47 min (98.99 %)"))
    #expect(
      text.contains(
        "| 2026-11-10T00:00:00+09:00 | 2026-11-10T07:12:00+09:00 | 7 h 12 min | 記録なし（停電・強制終了など） |"))
    #expect(!text.contains("2026-11-20T00:00:20"))
  }

  @Test func `tells of each flood how early, how high and how long`() throws {
    let messages = [
      Self.message("a", "raise", at: "2026-11-05T10:00:00+09:00", level: 2, step: "caution", next: "danger"),
      Self.message("a", "update", at: "2026-11-05T10:40:00+09:00", level: 4, step: "danger"),
      Self.message("a", "update", at: "2026-11-05T11:00:00+09:00", level: 3, step: "evacuation_judgment"),
      Self.message("a", "clear", at: "2026-11-05T13:00:00+09:00", level: 2, step: "caution"),
      Self.message("b", "raise", at: "2026-11-06T10:00:00+09:00", kind: "flood_contact"),
      Self.message("b", "update", at: "2026-11-06T10:10:00+09:00", kind: "flood_contact", mark: "false_alarm"),
      Self.message("d", "raise", at: "2026-11-07T10:00:00+09:00", level: 4, step: "danger", mode: "exercise"),
      Self.message("e", "raise", at: "2026-11-08T10:00:00+09:00", kind: "sensor_fault", fault: "stuck"),
      Self.message("e", "clear", at: "2026-11-08T10:30:00+09:00", kind: "sensor_fault"),
      Array("{}".utf8),
    ]
    let text = try Self.summary(languages: "en", runs: Self.runs, messages: messages)
    #expect(text.contains("| 2026-11-05T10:00:00+09:00 | 国包橋 | water_level | 4 | 40 min | 40 min | 3 h 0 min |  |"))
    #expect(text.contains("| 2026-11-06T10:00:00+09:00 | 国包橋 | flood_contact | – | 0 s | – | active | yes |"))
    #expect(text.contains("| water_level | 4 | 1 | 0 | 3 h 0 min | 3 h 0 min |"))
    #expect(text.contains("Exercises and tests, not counted above: 1"))
    #expect(text.contains("| 2026-11-08T10:00:00+09:00 | 国包橋 | stuck | 30 min |"))
    #expect(text.contains("Messages that could not be read: 1"))
  }

  @Test func `takes the staff's last mark of an alert, also of one that is over`() throws {
    let messages = [
      Self.message("a", "raise", at: "2026-11-05T10:00:00+09:00", level: 4, step: "danger"),
      Self.message("a", "clear", at: "2026-11-05T13:00:00+09:00", level: 4, step: "danger"),
      Self.message("b", "raise", at: "2026-11-06T10:00:00+09:00", kind: "flood_contact"),
      Self.message("b", "update", at: "2026-11-06T10:10:00+09:00", kind: "flood_contact", mark: "false_alarm"),
      Self.message("b", "clear", at: "2026-11-06T10:20:00+09:00", kind: "flood_contact"),
    ]
    func mark(_ alert: String, _ cause: String) -> AlertMark {
      AlertMark(alert: alert, cause: cause, by: "Tanaka", wallMilliseconds: Self.time("2026-11-07T09:00:00+09:00"))
    }
    let text = try Self.summary(
      languages: "en", runs: Self.runs, messages: messages,
      marks: [mark("a", "test"), mark("a", "false_alarm"), mark("b", "real"), mark("of another month", "real")])
    #expect(text.contains("| 国包橋 | water_level | 4 | 0 s | – | 3 h 0 min | yes |"))
    #expect(text.contains("| 国包橋 | flood_contact | – | 0 s | – | 20 min | real |"))
    #expect(text.contains("| water_level | 4 | 1 | 1 | 3 h 0 min | 3 h 0 min |"))
    #expect(text.contains("| flood_contact | – | 1 | 0 | 20 min | 20 min |"))
  }

  @Test(arguments: [
    ("2026-11-20T12:00:00+09:00", "2 h 0 min"), ("2026-12-03T00:00:00+09:00", "254 h 0 min"),
    ("2026-11-20T09:00:00+09:00", "0 s"),
  ])
  func `counts what is not over up to the last sign of life, and never into the future`(
    alive: String, length: String
  ) throws {
    let runs = [
      LedgerRun(
        boot: "a", beganMilliseconds: Self.time("2026-11-01T00:00:00+09:00"), aliveMilliseconds: Self.time(alive),
        ended: nil)
    ]
    let messages = [Self.message("a", "raise", at: "2026-11-20T10:00:00+09:00", level: 4, step: "danger")]
    let text = try Self.summary(languages: "en", runs: runs, messages: messages)
    #expect(text.contains("| water_level | 4 | 1 | 0 | \(length) | \(length) |"))
  }

  @Test func `says so where there is nothing to tell`() throws {
    let text = try Self.summary(languages: "en", runs: [])
    #expect(text.contains("There is no record of running in this month."))
    #expect(text.contains("## Hazards\n\nNone"))
  }
}
