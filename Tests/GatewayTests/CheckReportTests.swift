import Foundation
import Gateway
import Testing

@Suite struct `The report of a check` {
  @Test func `shows what sounds when, its columns aligned`() throws {
    let check = ConfigurationSamples.check(try ConfigurationSamples.example())
    let configuration = try #require(check.configuration)
    let expected = """
      SENSOR       NAME         AT                          CONFIRMED BY  SEVERITY  SOUNDS
      river-upper  別府川 上流  1.20 m standby              3 readings    minor     -
      river-upper  別府川 上流  1.80 m caution              3 readings    minor     -
      river-upper  別府川 上流  2.40 m evacuation_judgment  3 readings    moderate  lamp alone
      river-upper  別府川 上流  2.90 m danger               3 readings    severe    horn together with subway, silent \
      while one is faulty, however long; lamp alone
      river-upper  別府川 上流  3.60 m flooding             3 readings    extreme   horn together with subway, silent \
      while one is faulty, however long; lamp alone
      river-upper  別府川 上流  +0.40 m within 10m          slope         severe    horn together with subway, silent \
      while one is faulty, however long; lamp alone
      sluice       樋門 内水位  2.20 m danger               20s           severe    -
      subway       地下道 浸水  wet                         30s           severe    horn together with river-upper, \
      silent while one is faulty, however long
      rain         雨量計       15.0 mm within 10m          at once       moderate  -
      rain         雨量計       60.0 mm within 1h           at once       severe    -

      """
    #expect(SoundingTable(configuration).text == expected)
    #expect(CheckReport(check).text == check.problemText + "\nWhat will sound when:\n" + expected)
  }

  @Test func `says when nothing can raise an alert`() throws {
    let configuration = try #require(ConfigurationSamples.check(ConfigurationSamples.small()).configuration)
    #expect(SoundingTable(configuration).text.hasPrefix("Nothing raises an alert"))
  }

  @Test func `does not pass over limits, though nothing sounds for them`() throws {
    let board = """
      [[sensor]]
      id = "memory"
      name = "メモリ"
      driver = "board"
      read = "memory"
      quantity = "memory_free"

      [[limit]]
      sensor = "memory"
      below = 5.0
      severity = "minor"
      """
    let limits = "Limits raise alerts that nothing sounds for: memory.\n"
    let alone = try #require(ConfigurationSamples.check(ConfigurationSamples.small(board)).configuration)
    #expect(SoundingTable(alone).text == limits)
    let flood = try #require(
      ConfigurationSamples.check(ConfigurationSamples.small(ConfigurationSamples.river + "\n" + board)).configuration)
    #expect(SoundingTable(flood).text.hasPrefix("SENSOR") && SoundingTable(flood).text.hasSuffix(limits))
  }

  private struct Report: Decodable, Equatable {
    struct Problem: Decodable, Equatable {
      let file: String
      let line: Int
      let column: Int
      let severity: String
      let key: String
      let problem: String
      let advice: String
    }

    struct Sound: Decodable, Equatable {
      struct Output: Decodable, Equatable {
        let output: String
        let with: [String]
        let whenOneIsFaulty: String
      }

      let sensor: String
      let name: String
      let at: String
      let step: String?
      let threshold: Double?
      let severity: String
      let confirmReadings: Int?
      let confirmMilliseconds: Int?
      let withinMilliseconds: Int?
      let outputs: [Output]
    }

    struct Change: Decodable, Equatable {
      let key: String
      let change: String
      let old: String?
      let new: String?
    }

    let problems: [Problem]
    let sounds: [Sound]
    let changes: [Change]?
  }

  private static func report(_ json: String) throws -> Report {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Report.self, from: Data(json.utf8))
  }

  @Test func `is JSON with the same content`() throws {
    let check = ConfigurationSamples.check(try ConfigurationSamples.example())
    let report = try Self.report(CheckReport(check).json)
    #expect(report.problems.map(\.line) == check.problems.map(\.position.line))
    #expect(report.problems.map(\.advice) == check.problems.map(\.advice))
    #expect(report.sounds.count == 10)
    let wet = try #require(report.sounds.first { $0.at == "wet" })
    let rise = try #require(report.sounds.first { $0.at == "rise" })
    #expect(rise.threshold == 0.4 && rise.withinMilliseconds == 600_000 && rise.confirmReadings == nil)
    #expect(report.sounds.suffix(2).map(\.at) == ["rain", "rain"])
    #expect(report.sounds.suffix(2).map(\.threshold) == [15, 60])
    #expect(wet.name == "地下道 浸水")
    #expect(wet.confirmMilliseconds == 30_000)
    #expect(wet.outputs == [.init(output: "horn", with: ["river-upper"], whenOneIsFaulty: "silent")])
    #expect(report.sounds[3].threshold == 2.9)
    #expect(report.sounds[3].outputs.map(\.output) == ["horn", "lamp"])
    #expect(report.changes == nil)
  }

  @Test(arguments: ConfigurationSamples.broken)
  func `is JSON also where the text quotes odd characters`(name: String) throws {
    let check = ConfigurationSamples.check(try ConfigurationSamples.brokenFile(name), file: "a \"\\\u{7F}.toml")
    let report = try Self.report(CheckReport(check).json)
    #expect(report.problems.map(\.key) == check.problems.map(\.key))
    #expect(report.problems.first?.file == "a \"\\\u{7F}.toml")
  }

  @Test func `tells what changes from another configuration`() throws {
    let old = ConfigurationSamples.small(ConfigurationSamples.river)
    let new = old.replacing("danger = 4.0", with: "danger = 3.8").replacing("unit = 1", with: "unit = 1.0")
      .replacing("frame = \"8E1\"\n", with: "").replacing("scale =", with: "offset = -0.2\nscale =")
    let trees = try [old, new].map { try #require(ConfigurationSamples.check($0).tree) }
    let difference = ConfigurationDifference(from: trees[0], to: trees[1])
    #expect(
      difference.text == """
        added    sensor[river-1].offset = -0.2
        changed  flood[river-1].levels.danger: 4 -> 3.8
        removed  serial.bus.frame = "8E1"

        """)
    let check = ConfigurationSamples.check(new)
    let json = CheckReport(check, difference: difference).json
    let report = try Self.report(json)
    #expect(
      report.changes == [
        .init(key: "sensor[river-1].offset", change: "added", old: nil, new: "-0.2"),
        .init(key: "flood[river-1].levels.danger", change: "changed", old: "4", new: "3.8"),
        .init(key: "serial.bus.frame", change: "removed", old: "\"8E1\"", new: nil),
      ])
  }

  @Test func `sees no change where tables only moved`() throws {
    let tree = try #require(ConfigurationSamples.check(try ConfigurationSamples.example()).tree)
    let text = String(decoding: try ConfigurationSamples.example(), as: UTF8.self)
    let start = try #require(text.range(of: "[[flood]]\nsensor = \"sluice\""))
    let end = try #require(text.range(of: "[[contact]]"))
    let moved = String(text[..<start.lowerBound]) + text[end.lowerBound...] + text[start.lowerBound..<end.lowerBound]
    let other = try #require(ConfigurationSamples.check(moved).tree)
    #expect(ConfigurationDifference(from: tree, to: other).text == "Nothing changes.\n")
  }
}
