import Alerts
import Foundation
import Gateway
import Observations
import Testing

@Suite struct `The configuration of filters and plausibility` {
  private static func check(_ keys: String, after: String = "") -> ConfigurationCheck {
    let river = ConfigurationSamples.river.replacing("scale = 0.001", with: "scale = 0.001\n\(keys)")
    return ConfigurationSamples.check(ConfigurationSamples.small(river + after))
  }

  private static func conditioning(_ keys: String) throws -> ConditioningPlan {
    let check = check(keys)
    let configuration = try #require(check.configuration, "\(check.problemText)")
    return configuration.sensors[0].plan.conditioning
  }

  private static func window(_ size: Int, _ every: Int, _ first: Int = 1) -> ReadingFilter.Window {
    .init(size: size, sendEvery: every, sendFirstAt: first)
  }

  @Test(arguments: [
    ("{ median = {} }", ReadingFilter.median(window(5, 5))),
    ("{ median = { window_size = 7, send_every = 4, send_first_at = 3 } }", .median(window(7, 4, 3))),
    ("{ median = { window = 5, send_every = 1 } }", .median(window(5, 1))),
    ("{ sliding_window_moving_average = {} }", .slidingWindowMovingAverage(window(15, 15))),
    ("{ sliding_window_average = { window = 3 } }", .slidingWindowMovingAverage(window(3, 15))),
    (
      "{ exponential_moving_average = { alpha = 0.3, send_every = 1 } }",
      .exponentialMovingAverage(alpha: 0.3, window(1, 1))
    ),
    ("{ delta = 0.01 }", .delta(.absolute(0.01))), ("{ delta = \"5%\" }", .delta(.fraction(0.05))),
    ("{ clamp = [0, 10] }", .clamp(lowest: 0, highest: 10, ignoresOutOfRange: false)),
    (
      "{ clamp = { max_value = 3, ignore_out_of_range = true } }",
      .clamp(lowest: nil, highest: 3, ignoresOutOfRange: true)
    ),
    ("{ filter_out = 9999 }", .filterOut([Measure(thousandths: 9_999_000)])),
    ("{ filter_out = [5, -1] }", .filterOut([Measure(thousandths: 5000), Measure(thousandths: -1000)])),
    ("{ timeout = \"30s\" }", .timeout(.seconds(30))), ("{ throttle = \"10s\" }", .throttle(.seconds(10))),
    ("{ heartbeat = \"60s\" }", .heartbeat(.seconds(60), isOptimistic: false)),
    ("{ heartbeat = { period = \"60s\", optimistic = true } }", .heartbeat(.seconds(60), isOptimistic: true)),
  ])
  func `reads each filter in ESPHome's words and with its defaults`(text: String, filter: ReadingFilter) throws {
    #expect(try Self.conditioning("filters = [\(text)]").filters == [filter])
  }

  @Test func `reads filters in their order, and calibrations by either name of their points`() throws {
    let filters = try Self.conditioning(
      """
      filters = [
        { calibrate_linear = [[0, 0], [100, 101]] },
        { calibrate_linear = { method = "exact", datapoints = [[0, 0], [1, 2], [2, 3]] } },
        { calibrate_polynomial = { degree = 2, points = [[0, 0], [1, 1], [2, 4]] } },
        { delta = 1 },
      ]
      """
    ).filters
    guard case .calibrate(let line) = filters[0], case .calibrate(let bent) = filters[1],
      case .calibrate(let square) = filters[2]
    else {
      Issue.record("\(filters)")
      return
    }
    #expect(abs(line.value(at: 50) - 50.5) < 1e-9 && bent.value(at: 1.5) == 2.5)
    #expect(abs(square.value(at: 3) - 9) < 1e-9)
    #expect(filters[3] == .delta(.absolute(1)))
  }

  @Test(arguments: [("1h", "fast", true), ("3m", "fast", true), ("2m", "fast", false), ("10m", "large", false)])
  func `warns of a sensor that is asked less often than its river's class publishes`(
    every: String, riverClass: String, isWarned: Bool
  ) {
    let river = ConfigurationSamples.river.replacing("scale = 0.001", with: "scale = 0.001\nevery = \"\(every)\"")
      .replacing("[[flood]]\n", with: "[[flood]]\nclass = \"\(riverClass)\"\n")
    let check = ConfigurationSamples.check(ConfigurationSamples.small(river))
    #expect(check.configuration != nil)
    #expect(
      check.problems.contains { $0.text(file: "f").contains("asked every \(every), and class") } == isWarned,
      "\(check.problemText)")
  }

  @Test func `reads plausibility`() throws {
    let plan = try Self.conditioning("max_rate = { by = 0.5, within = \"1m\" }\nstuck_after = \"6h\"")
    #expect(plan.maxRate == .init(by: Measure(thousandths: 500), within: .minutes(1), confirm: .seconds(30)))
    #expect(plan.stuckAfter == .hours(6))
    #expect(plan.isStuckOnlyAboveLevels == false)
  }

  @Test func `watches a level with a flood for hanging above it, unless told not to`() throws {
    let usual = ConditioningPlan(stuckAfter: .hours(12), isStuckOnlyAboveLevels: true)
    #expect(try Self.conditioning("") == usual)
    #expect(try Self.conditioning("stuck_after = \"0s\"") == .none)
    let second = ConfigurationSamples.river.replacing("unit = 1", with: "unit = 2")
      .replacing("id = \"river-1\"", with: "id = \"river-2\"")
      .split(separator: "[[sensor]]")[1].split(separator: "[[flood]]")[0]
    let check = Self.check("", after: "[[sensor]]" + second)
    let plans = try #require(check.configuration, "\(check.problemText)").sensors.map(\.plan.conditioning)
    #expect(plans == [usual, .none])
  }

  @Test(arguments: [
    ("filters = [{ sliding_window_moving_average = { window_size = 14 } }]", "130s"),
    ("filters = [{ exponential_moving_average = { alpha = 0.05 } }]", "580s"),
    ("every = \"1m\"\nfilters = [{ median = { window_size = 7 } }]", "3m"),
    ("max_rate = { by = 0.09, within = \"1m\" }", "flash flood"),
    ("filters = [{ clamp = [0, 10] }]", "impossible value a measured 10"),
  ])
  func `warns of what delays or invents a flood`(keys: String, told: String) {
    let check = Self.check(keys)
    #expect(check.configuration != nil)
    #expect(
      check.problems.contains { $0.severity == .warning && $0.text(file: "f").contains(told) }, "\(check.problemText)")
  }

  @Test(arguments: [
    "filters = [{ sliding_window_moving_average = { window_size = 13 } }]", "max_rate = { by = 0.1, within = \"1m\" }",
    "range = [0, 9]\nfilters = [{ clamp = [0, 10] }]",
    "filters = [{ clamp = { max_value = 10, ignore_out_of_range = true } }]",
  ])
  func `does not warn of what does not`(keys: String) {
    #expect(Self.check(keys).problems.isEmpty)
  }

  @Test func `reads an agreement, whose second sensor needs no levels of its own`() throws {
    let second = """
      [[sensor]]
      id = "river-2"
      name = "川 予備"
      driver = "modbus"
      serial = "bus"
      unit = 2
      register = { table = "input", address = 0, type = "int16" }
      quantity = "water_level"

      [[agreement]]
      sensors = ["river-1", "river-2"]
      within = 0.20
      safe_side = "higher"
      """
    let check = Self.check("", after: second)
    #expect(check.problems.isEmpty)
    let plan = try #require(check.configuration).stationPlan()
    #expect(
      plan.agreements == [
        AgreementRule(
          first: "river-1", second: "river-2", within: Measure(thousandths: 200), safeSide: .higher, after: .minutes(1))
      ])
  }

  @Test(arguments: ["filters", "plausibility"])
  func `of the examples is accepted without a word`(name: String) throws {
    let text = try String(
      contentsOf: ConfigurationSamples.checkout.appending(path: "examples/sensors/\(name).toml"), encoding: .utf8)
    let check = ConfigurationSamples.check(text)
    #expect(check.configuration != nil && check.problems.isEmpty, "\(check.problemText)")
  }
}
