import Foundation
import Gateway
import Logging
import Observations
import TestData
import Testing

/// A configuration of one river in a folder of its own.
struct BacktestBench: ~Copyable {
  let folder: URL

  init(language: String, _ more: String = "") throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "mimamori-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    let text = ConfigurationSamples.small(
      gateway: "timezone = \"Asia/Tokyo\"\nlanguages = [\"\(language)\"]",
      """
      [serial.bus]
      device = "/dev/ttyS1"
      baud = 9600
      frame = "8E1"

      [[sensor]]
      id = "river-1"
      name = "加古川 国包橋"
      driver = "modbus"
      serial = "bus"
      unit = 1
      register = { table = "input", address = 0, type = "int32" }
      scale = 0.001
      quantity = "water_level"
      stale_after = "15m"

      [[flood]]
      sensor = "river-1"
      \(more.isEmpty ? Self.rule : more)
      """)
    try Data(text.utf8).write(to: configuration)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  static let rule = """
    levels = { caution = 2.0, danger = 4.0 }
    confirm = 2
    release = { margin = 0.1, hold = "10m" }
    rise = { by = 0.5, within = "20m", severity = "severe" }
    forecast = "2h"
    """

  var configuration: URL { folder.appending(path: "gateway.toml") }

  func report(_ recording: [UInt8], trials: [String] = [], chunk: Int = 4096) throws -> BacktestReport {
    var run = try BacktestRun(
      configuration: configuration.path, inputName: "flood.jsonl", trials: trials, logger: Logger(label: "test"))
    for start in stride(from: 0, to: recording.count, by: chunk) {
      let part = Array(recording[start..<min(start + chunk, recording.count)])
      try run.feed(part.span)
    }
    return try run.finish()
  }
}

@Suite struct `A report of a recording` {
  /// A level a minute: an hour at 1 m, 2.5 cm a minute for three hours up to 5.5 m, and down again as fast.
  static let flood: [UInt8] = {
    let levels =
      [Double](repeating: 1, count: 60) + (1...180).map { 1 + Double($0) * 0.025 }
      + (1...180).map { 5.5 - Double($0) * 0.025 } + [Double](repeating: 1, count: 30)
    let start = WallTime(rfc3339: "2026-09-01T12:00:00+09:00")!
    let zone = TimeZoneOffsets.fixed(seconds: 9 * 3600)
    var text = ""
    for (minute, level) in levels.enumerated() {
      let time = (start + .minutes(Int64(minute))).rfc3339(in: zone)
      text += "{\"time\":\"\(time)\",\"sensor\":\"river-1\",\"value\":\(Int((level * 1000).rounded()))e-3}\n"
    }
    return Array(text.utf8)
  }()

  private func document(_ report: BacktestReport) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(try report.json().utf8)) as? [String: Any])
  }

  @Test func `says when each step was reached, told and left, and the highest level`() throws {
    let bench = try BacktestBench(language: "en")
    let text = try bench.report(Self.flood).text
    #expect(text.contains("Highest level: 5.50 m (2026-09-01 15:59)"), "\(text)")
    // 2.0 m is reached 40 minutes after the rise began at 12:59, told with the second reading.
    #expect(text.contains(/2 caution threshold +2.00 m +2026-09-01 13:39 +2026-09-01 13:40 +/), "\(text)")
    #expect(text.contains(/4 danger threshold +4.00 m +2026-09-01 14:59 +2026-09-01 15:00 +/), "\(text)")
    // Below 3.9 m from 17:04 on, for ten minutes.
    #expect(text.contains(/2026-09-01 15:00 +2026-09-01 17:14 +2 h 15 min +5.50 m/), "\(text)")
    #expect(text.contains("2 raised (2 hazards, 0 about the equipment)"), "\(text)")
    #expect(text.contains("at worst 2"))
  }

  @Test func `judges forecasts by what came`() throws {
    let bench = try BacktestBench(language: "en")
    let document = try document(bench.report(Self.flood))
    let trial = try #require((document["trials"] as? [[String: Any]])?.first)
    let river = try #require((trial["rivers"] as? [[String: Any]])?.first)
    let forecasts = try #require(river["forecasts"] as? [[String: Any]])
    let danger = try #require(forecasts.first { $0["step"] as? String == "danger" })
    #expect(danger["outcome"] as? String == "came")
    #expect(danger["came"] as? String == "2026-09-01T14:59:00+09:00")
    let lead = try #require(danger["lead_s"] as? Double)
    #expect(lead >= 3600 && lead <= 2 * 3600)
    // So even a rise is forecast to the minute.
    #expect(danger["inside"] as? Int == danger["estimates"] as? Int)
    let text = try bench.report(Self.flood).text
    #expect(text.contains("inside"))
    #expect(text.contains("of the 2 steps reached were forecast"), "\(text)")
  }

  @Test func `says what a fast rise was followed by`() throws {
    let bench = try BacktestBench(language: "en", BacktestBench.rule.replacing("by = 0.5", with: "by = 0.3"))
    let text = try bench.report(Self.flood).text
    #expect(text.contains("Fast rises"), "\(text)")
    #expect(text.contains(/2 caution threshold after \d+ min(, | \d+ s, )4 danger threshold after \d h/), "\(text)")
  }

  @Test func `sets other thresholds beside the configured ones`() throws {
    let bench = try BacktestBench(language: "en")
    let report = try bench.report(Self.flood, trials: ["danger=3.8", "danger=5.6", "hold=1h"])
    let text = report.text
    #expect(text.contains(/as configured +danger=3.8 +danger=5.6 +hold=1h\n/), "\(text)")
    #expect(text.contains(/4 danger threshold +4.00 m +3.80 m +5.60 m +4.00 m\n/), "\(text)")
    #expect(text.contains(/first told +2026-09-01 15:00 +2026-09-01 14:52 +– +2026-09-01 15:00\n/), "\(text)")
    #expect(text.contains(/against configured +8 min earlier +– +the same\n/), "\(text)")
    #expect(text.contains(/reached +1 × +1 × +0 × +1 ×\n/), "\(text)")
    // What is tried changes nothing of what stands above it.
    let plain = try bench.report(Self.flood).text
    #expect(text.hasPrefix(plain))
  }

  @Test func `tells gaps, faults and what the equipment said`() throws {
    let bench = try BacktestBench(language: "en")
    let silent = Array(
      """
      {"time":"2026-09-01T00:00:00+09:00","sensor":"river-1","value":1.0}
      {"time":"2026-09-01T00:10:00+09:00","sensor":"river-1","value":1.0}
      {"time":"2026-09-01T04:10:00+09:00","sensor":"river-1","value":1.1}
      {"time":"2026-09-01T04:20:00+09:00","sensor":"river-1","value":1.1}
      """.utf8)
    let text = try bench.report(silent).text
    #expect(text.contains(/加古川 国包橋 \(river-1\) +4 +4 h \(2026-09-01 00:10\) +1 +4 h\n/), "\(text)")
    #expect(text.contains(/2026-09-01 00:25 +goes on .*silent/), "\(text)")
    #expect(text.contains("1 raised (0 hazards, 1 about the equipment)"))
    #expect(text.contains("Highest level: 1.10 m (2026-09-01 04:10)"))
  }

  @Test func `is Japanese where that is the first language`() throws {
    let bench = try BacktestBench(language: "ja")
    let text = try bench.report(Self.flood, trials: ["danger=3.8"]).text
    #expect(text.contains("最高水位: 5.50 m"))
    #expect(text.contains("== 別の基準なら =="))
    #expect(text.contains(/設定のままとの差 +8 分 早い/), "\(text)")
    #expect(!text.contains("threshold") && !text.contains("as configured"))
  }

  @Test(arguments: [1, 7, 100_000])
  func `is the same however the recording comes in`(chunk: Int) throws {
    let bench = try BacktestBench(language: "en")
    let report = try bench.report(Self.flood, trials: ["danger=3.8"])
    let again = try bench.report(Self.flood, trials: ["danger=3.8"], chunk: chunk)
    #expect(report.text == again.text)
    #expect(try report.json() == again.json())
  }

  @Test func `of nothing says so`() throws {
    let bench = try BacktestBench(language: "en")
    let text = try bench.report([]).text
    #expect(text.contains("flood.jsonl, 0 lines") && text.contains("There was no level that could be believed."))
  }

  @Test func `ends at a line that cannot be read, and at too many trials`() throws {
    let bench = try BacktestBench(language: "en")
    let path = bench.configuration.path
    var run = try BacktestRun(configuration: path, inputName: "x", trials: [], logger: Logger(label: "test"))
    let error = #expect(throws: GatewayError.self) { try run.feed("{\"time\":1}\n".utf8.span) }
    #expect(error?.status == .badInputData && error?.description.hasPrefix("x:1:") == true)
    let many = #expect(throws: GatewayError.self) {
      try BacktestRun(
        configuration: path, inputName: "x", trials: Array(repeating: "danger=3.8", count: 9),
        logger: Logger(label: "test"))
    }
    #expect(many?.status == .wrongUsage)
  }
}
