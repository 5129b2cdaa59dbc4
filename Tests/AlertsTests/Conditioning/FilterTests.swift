import Observations
import Testing

@testable import Alerts

/// What comes out of one list of filters, for readings ten seconds apart.
private struct ChainRun {
  var chain: FilterChain
  var seconds = 0.0

  init(_ filters: ReadingFilter..., quantity: Quantity = .waterLevel) {
    chain = FilterChain(filters, quantity: quantity)
  }

  /// The values, and nil for a rejected one.
  mutating func values(_ readings: [Double], every: Double = 10) -> [Double?] {
    outcomes(readings, every: every).map { $0?.value }
  }

  /// Which values every filter lets be published.
  mutating func passes(_ readings: [Double], every: Double = 10) -> [Bool] {
    outcomes(readings, every: every).map { $0?.isPassed ?? false }
  }

  private mutating func outcomes(_ readings: [Double], every: Double) -> [(value: Double, isPassed: Bool)?] {
    readings.map { reading in
      seconds += every
      guard case .shaped(let measured, _) = chain.measured(reading),
        case .shaped(let value, let isPassed) = chain.shape(measured, at: StationRun.moment(seconds).monotonic)
      else { return nil }
      return ((value * 1e9).rounded() / 1e9, isPassed)
    }
  }
}

@Suite struct `A filter` {
  private static func each(_ size: Int) -> ReadingFilter.Window { .init(size: size, sendEvery: 1) }

  @Test func `median takes the middle of its window, and the mean of two middles`() {
    var run = ChainRun(.median(Self.each(5)))
    #expect(run.values([1, 9, 2, 3, 2.5, 2.6, 2.7]) == [1, 5, 2, 2.5, 2.5, 2.6, 2.6])
  }

  @Test func `median lets no single spike through`() {
    var run = ChainRun(.median(Self.each(5)))
    #expect(run.values([1, 1, 1, 9, 9, 1, 1, 1]) == [1, 1, 1, 1, 1, 1, 1, 1])
  }

  @Test func `sliding window moving average is the mean of its window`() {
    var run = ChainRun(.slidingWindowMovingAverage(Self.each(4)))
    #expect(run.values([1, 2, 3, 4, 5, 6]) == [1, 1.5, 2, 2.5, 3.5, 4.5])
  }

  @Test func `exponential moving average begins with the first reading`() {
    var run = ChainRun(.exponentialMovingAverage(alpha: 0.5, Self.each(1)))
    #expect(run.values([4, 2, 2, 2]) == [4, 3, 2.5, 2.25])
  }

  @Test(arguments: [
    (1, 1, [true, true, true, true, true, true]), (3, 1, [true, false, false, true, false, false]),
    (3, 3, [false, false, true, false, false, true]), (3, 2, [false, true, false, false, true, false]),
  ])
  func `with send_every publishes every so-manieth value and judges all`(every: Int, first: Int, expected: [Bool]) {
    let window = ReadingFilter.Window(size: 2, sendEvery: every, sendFirstAt: first)
    for filter in [
      .median(window), .slidingWindowMovingAverage(window), ReadingFilter.exponentialMovingAverage(alpha: 0.5, window),
    ] {
      var run = ChainRun(filter)
      #expect(run.passes([1, 2, 3, 4, 5, 6]) == expected)
      #expect(run.values([1, 2]).allSatisfy { $0 != nil })
    }
  }

  @Test func `delta publishes what differs by more than it from the last published`() {
    var run = ChainRun(.delta(.absolute(0.5)))
    #expect(run.passes([1, 1.4, 1.5, 1.6, 1.2, 1.0]) == [true, false, false, true, false, true])
    run = ChainRun(.delta(.fraction(0.1)))
    #expect(run.passes([10, 10.9, 11.1, 10.1, 9.9]) == [true, false, true, false, true])
    run = ChainRun(.delta(.absolute(0)))
    #expect(run.passes([1, 1, 2, 2]) == [true, false, true, false])
  }

  @Test func `throttle publishes at most one value in its time`() {
    var run = ChainRun(.throttle(.seconds(25)))
    #expect(run.passes([1, 2, 3, 4, 5, 6, 7]) == [true, false, false, true, false, false, true])
  }

  @Test func `clamp brings back what lies outside, or rejects it`() {
    var run = ChainRun(.clamp(lowest: 0, highest: 10, ignoresOutOfRange: false))
    #expect(run.values([-1, 0, 5, 10, 11]) == [0, 0, 5, 10, 10])
    run = ChainRun(.clamp(lowest: 0, highest: nil, ignoresOutOfRange: true))
    #expect(run.values([-1, 0, 5000]) == [nil, 0, 5000])
  }

  @Test func `filter_out compares in the decimals of the quantity`() {
    var run = ChainRun(.filterOut([Measure(thousandths: 9_999_000), .metres(-1)]))
    #expect(run.values([9999, 9999.0004, 9999.001, -1, 3]) == [nil, nil, 9999.001, nil, 3])
  }

  @Test func `of calibration goes through its points`() throws {
    let points = [(0.0, 0.0), (100.0, 101.0)].map { CalibrationCurve.Point(raw: $0.0, value: $0.1) }
    let linear = try #require(CalibrationCurve(fitting: points, degree: 1))
    #expect([0, 50, 200].map { (linear.value(at: $0) * 1e9).rounded() / 1e9 } == [0, 50.5, 202])
    let bent = [(0.0, 0.0), (10.0, 10.0), (20.0, 30.0)].map { CalibrationCurve.Point(raw: $0.0, value: $0.1) }
    let exact = try #require(CalibrationCurve(joining: bent))
    #expect([-5, 5, 10, 15, 25].map { exact.value(at: $0) } == [-5, 5, 10, 20, 40])
    let square = (0..<9).map { CalibrationCurve.Point(raw: Double($0) * 3, value: 2 + Double($0 * $0) * 9) }
    let polynomial = try #require(CalibrationCurve(fitting: square, degree: 2))
    for raw in [0.0, 1, 7.5, 24] { #expect(abs(polynomial.value(at: raw) - (2 + raw * raw)) < 1e-9) }
  }

  @Test func `of calibration has the least squares where points do not fit`() throws {
    // By hand: the line through (0,0) (1,1) (2,1) (3,2) with the least squares is 0.1 + 0.6 x.
    let points = [(0.0, 0.0), (1, 1), (2, 1), (3, 2)].map { CalibrationCurve.Point(raw: $0.0, value: $0.1) }
    let line = try #require(CalibrationCurve(fitting: points, degree: 1))
    for raw in [-1.0, 0, 2, 10] { #expect(abs(line.value(at: raw) - (0.1 + 0.6 * raw)) < 1e-12) }
  }

  @Test func `of calibration needs enough different points`() {
    let same = [CalibrationCurve.Point(raw: 1, value: 1), CalibrationCurve.Point(raw: 1, value: 2)]
    #expect(CalibrationCurve(fitting: same, degree: 1) == nil)
    #expect(CalibrationCurve(joining: same) == nil)
    #expect(CalibrationCurve(fitting: same, degree: 7) == nil)
    let mean = CalibrationCurve(fitting: same, degree: 0)?.value(at: 9) ?? 0
    #expect(abs(mean - 1.5) < 1e-12)
  }

  @Test func `behind a calibration sees what the calibration made`() throws {
    let points = [CalibrationCurve.Point(raw: 0, value: 1), CalibrationCurve.Point(raw: 1, value: 3)]
    let curve = try #require(CalibrationCurve(fitting: points, degree: 1))
    var run = ChainRun(.calibrate(curve), .clamp(lowest: nil, highest: 4, ignoresOutOfRange: false))
    #expect(run.values([0, 1, 2]) == [1, 3, 4])
    run = ChainRun(.clamp(lowest: nil, highest: 1, ignoresOutOfRange: false), .calibrate(curve))
    #expect(run.values([0, 1, 2]) == [1, 3, 3])
  }

  @Test(arguments: [
    (ReadingFilter.median(each(5)), 2), (.slidingWindowMovingAverage(each(5)), 4),
    (.exponentialMovingAverage(alpha: 1, each(1)), 0), (.exponentialMovingAverage(alpha: 0.3, each(1)), 8),
    (.throttle(.hours(1)), 0), (.delta(.absolute(5)), 0),
  ])
  func `says by how many readings it lags`(filter: ReadingFilter, readings: Int) {
    #expect(filter.lagInReadings == readings)
  }
}

@Suite struct `A filtered sensor` {
  static func plan(
    _ filters: [ReadingFilter] = [], maxRate: ConditioningPlan.MaxRate? = nil, stuckAfter: TimeSpan? = nil,
    range: ClosedRange<Measure>? = .metres(-1)...(.metres(10)), confirm: Alerts.Confirmation = .readings(1),
    staleAfter: TimeSpan = .seconds(60)
  ) -> StationPlan {
    StationPlan(
      gateway: "g",
      sensors: [
        SensorPlan(
          id: "river-1", name: "川", quantity: .waterLevel, range: range, staleAfter: staleAfter,
          conditioning: ConditioningPlan(filters: filters, maxRate: maxRate, stuckAfter: stuckAfter))
      ],
      floods: [
        FloodRule(
          sensor: "river-1", levels: [.init(step: .caution, threshold: .metres(3))], confirm: confirm,
          releaseMargin: .metres(0), releaseHold: .zero)
      ])
  }

  @Test func `raises no alert by a spike that the median takes away`() {
    var run = StationRun(Self.plan([.median(.init(size: 5, sendEvery: 1))]))
    for (index, value) in [1, 1.1, 6, 1, 1.1, 6, 1, 1].enumerated() {
      run.tell(.reading("river-1", .metres(value)), at: Double(index) * 10)
    }
    #expect(run.alerts.isEmpty)
  }

  @Test func `judges what delta, throttle, heartbeat and send_every hold back`() {
    for filter in [
      ReadingFilter.delta(.absolute(50)), .throttle(.hours(24)), .heartbeat(.hours(24), isOptimistic: false),
      .median(.init(size: 1, sendEvery: 500, sendFirstAt: 500)),
    ] {
      var run = StationRun(Self.plan([filter], confirm: .readings(3)))
      for (index, value) in [1, 1, 3.2, 3.2, 3.2].enumerated() {
        run.tell(.reading("river-1", .metres(value)), at: Double(index) * 10)
      }
      #expect(run.alerts.map(\.short) == ["raise caution"], "\(filter)")
      #expect(run.alerts.first.map { StationRun.second($0.detected) } == 40)
    }
  }

  @Test func `publishes by its delta, and at the reporting interval in any case`() {
    var run = StationRun(Self.plan([.delta(.absolute(0.2))]))
    for second in stride(from: 0.0, through: 590, by: 10) {
      run.tell(.reading("river-1", .metres(second < 300 ? 1 : 1.1)), at: second)
    }
    #expect(run.observations.map { StationRun.second($0.at) } == [0])
    run.tell(.reading("river-1", .metres(1.1)), at: 600)
    run.tell(.reading("river-1", .metres(1.25)), at: 620)
    #expect(run.observations.map { StationRun.second($0.at) } == [0, 600, 620])
    var fine = StationRun(Self.plan([.delta(.absolute(0.002))]))
    for (index, value) in [1, 1.003, 1.004, 1.006].enumerated() {
      fine.tell(.reading("river-1", .metres(value)), at: Double(index) * 10)
    }
    #expect(fine.observations.map(\.value) == [1, 1.003, 1.006].map { .measure(.metres($0)) })
  }

  @Test func `repeats its last value by heartbeat while it can be believed`() {
    var run = StationRun(Self.plan([.heartbeat(.seconds(30), isOptimistic: false)], staleAfter: .seconds(120)))
    run.tell(.reading("river-1", .metres(1)), at: 0)
    run.tell(.reading("river-1", .metres(2)), at: 10)
    run.tell(.timePasses, at: 1000)
    let told = run.observations.map { (StationRun.second($0.at), $0.value) }
    #expect(told.map(\.0) == [0, 30, 60, 90, 120, 130])
    #expect(told.map(\.1) == [.measure(.metres(1))] + Array(repeating: .measure(.metres(2)), count: 4) + [nil])
  }

  @Test func `says that it knows nothing after its timeout, and begins its windows anew`() {
    var run = StationRun(
      Self.plan([.median(.init(size: 3, sendEvery: 1)), .timeout(.seconds(20))], staleAfter: .minutes(10)))
    run.tell(.reading("river-1", .metres(1)), at: 0)
    run.tell(.reading("river-1", .metres(1)), at: 10)
    run.tell(.timePasses, at: 60)
    #expect(run.alerts.isEmpty)
    #expect(run.observations.map { StationRun.second($0.at) } == [0, 30])
    #expect(run.observations.last?.value == nil)
    run.tell(.reading("river-1", .metres(3.5)), at: 70)
    #expect(run.alerts.map(\.short) == ["raise caution"])
  }

  @Test func `counts what it rejects, and is faulty when nothing else comes`() throws {
    var run = StationRun(Self.plan([.filterOut([.metres(9.999)])]))
    for second in stride(from: 0.0, through: 100, by: 10) {
      run.tell(.reading("river-1", .metres(second < 30 ? 1 : 9.999)), at: second)
    }
    #expect(run.station.rejectedReadings(of: "river-1").map(\.count) == [8])
    #expect(run.alerts.map(\.fault) == [.filteredOut])
    run.tell(.reading("river-1", .metres(77)), at: 110)
    let rejected = run.station.rejectedReadings(of: "river-1")
    #expect(rejected.map(\.cause) == [.filteredOut, .outOfRange] && rejected.map(\.count) == [8, 1])
    #expect(run.station.rejectedReadings(of: "nobody").isEmpty)
  }

  @Test func `never gives a level beyond its range, whatever its filters make`() throws {
    let points = [CalibrationCurve.Point(raw: 0, value: 0), CalibrationCurve.Point(raw: 1, value: 20)]
    let curve = try #require(CalibrationCurve(fitting: points, degree: 1))
    for filters in [[.calibrate(curve)], [.median(.init(size: 1, sendEvery: 1)), ReadingFilter.calibrate(curve)]] {
      var run = StationRun(Self.plan(filters))
      run.tell(.reading("river-1", .metres(0.6)), at: 0)
      #expect(run.alerts.isEmpty && run.observations.isEmpty)
      #expect(run.station.rejectedReadings(of: "river-1").map(\.cause) == [.outOfRange])
    }
  }
}
