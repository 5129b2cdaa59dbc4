import Alerts
import Observations

/// Made-up states: what is published beside alerts and notices.
extension Samples {
  static let alertStream = StreamHead(
    stream: "alert", epoch: "01JDE000000000000000000000", previousEpoch: nil, last: 18, deliveredThrough: 15)

  static func health(sensors: Int = 4, ports: Int = 2, faulty: Int = 1) -> HealthReport {
    HealthReport(
      at: moment(),
      sensors: (0..<sensors).map {
        .init(
          id: SensorID("sensor-with-a-rather-long-name-\($0)"), state: $0 < faulty ? .faulty : .ok,
          fault: $0 < faulty ? .timeout : nil, age: $0 == 1 ? nil : .milliseconds(1250 * Int64($0)),
          rejected: $0 == 2 ? [.init(name: "stuck", count: 7), .init(name: "out_of_range", count: 1)] : [])
      },
      ports: (0..<ports).map {
        .init(
          id: "port-\($0)", state: $0 == 0 ? .retrying : .open, fault: $0 == 0 ? .portLost : nil,
          counters: ["bytes", "frames", "checksum_errors", "resynchronizations", "timeouts"].map {
            .init(name: $0, count: 18_446_744_073_709_551_615)
          })
      },
      queues: [.init(name: "outbox", length: 3, capacity: 10_000)],
      lanes: [
        .init(name: "alert", messages: 3, bytes: 4_096, mostBytes: 67_108_864),
        .init(name: "observation", messages: 0, bytes: 0, mostBytes: 16_777_216, interval: .minutes(1)),
      ],
      storage: .init(freeBytes: nil, reserveBytes: 33_554_432, isYielding: false, ledgersSetAside: 0),
      drops: [.init(name: "observations", count: 12)],
      syncs: 41, syncsLastHour: 7, watchlistRevision: 12, alertStream: alertStream,
      nextExpectedBy: afternoon + .minutes(6))
  }

  /// Each published state, beside the name of its schema.
  static let states: [(schema: String, bytes: [UInt8])] = {
    typealias Report = Effects.ObservationReport
    let at = moment()
    var states: [(schema: String, bytes: [UInt8])] = [
      ("active", formats.active(payloads: [], through: 0, asOf: at)),
      ("active", formats.active(payloads: [formats.alert(alert()), formats.alert(alert())], through: 18, asOf: at)),
      ("status", formats.status(.offline, cause: "will", connection: 12, at: nil)),
      ("status", formats.status(.online, cause: "connected", connection: 12, at: at)),
      ("info", formats.info()), ("info", Formats(context(contact: nil, position: nil)).info()),
      (
        "head",
        formats.head(
          StreamHead(
            stream: subject.text, epoch: "e1", previousEpoch: "e0", last: 7, deliveredThrough: 7), at: at)
      ),
      (
        "output",
        formats.output(
          .init(
            output: "siren", on: false, cause: "silenced", until: nil, silencedUntil: moment(180), isLocked: true,
            at: at))
      ),
      ("output", formats.output(.init(output: "siren", on: false, cause: "max_on", until: nil, at: at))),
    ]
    let observations: [Report] = [
      Report(sensor: river, at: at, value: .measure(measure(-0.05)), fault: nil),
      Report(sensor: river, at: at, value: nil, fault: .timeout),
      Report(sensor: river, at: at, value: .measure(measure(1)), fault: .timeout),
      Report(sensor: "underpass-1", at: at, value: .contact(active: true), fault: nil),
      Report(sensor: "rain-1", at: at, value: .rain(total: measure(617.5, .rain), tips: 1235), fault: nil),
      Report(sensor: "gate-north", at: at, value: .receiver(working: false), fault: .deaf),
      Report(sensor: "not-configured", at: at, value: nil, fault: nil),
    ]
    states += detectionStates
    states += observations.map { ("observation", formats.observation($0)) }
    for state in [Effects.PlaceReport.State.watching, .degraded, .blind] {
      states.append(("place", formats.place(.init(place: "school-7-gate", state: state, since: at))))
    }
    for (sensors, ports) in [(0, 0), (4, 2), (32, 8), (60, 40), (100, 4), (3000, 0)] {
      states.append(("health", formats.health(health(sensors: sensors, ports: ports, faulty: sensors / 2))))
    }
    return states
  }()

  /// The same site with everything that its detectors publish.
  private static var detectionStates: [(schema: String, bytes: [UInt8])] {
    let flood = FloodRule(
      sensor: river, levels: plan.floods[0].levels, confirm: .readings(3), releaseMargin: measure(0.1),
      releaseHold: .minutes(10), reporting: .init(from: measure(1), above: .minutes(5), below: .hours(24)))
    let rain = RainRule(
      sensor: "rain-1",
      amounts: [.init(amount: measure(50, .rain), within: .hours(1), severity: .severe, suppress: .hours(3))])
    let formats = Formats(
      context(plan: StationPlan(gateway: gateway, sensors: plan.sensors, floods: [flood], rains: [rain])))
    let sum = RainSums.ByClock(millimetres: measure(12.5, .rain), time: afternoon - .hours(3))
    var sums = RainSums(
      tenMinutes: measure(0, .rain), hour: measure(12.5, .rain), threeHours: measure(20, .rain),
      day24Hours: measure(101.5, .rain), tenMinutesByClock: sum, today: sum, sinceItBegan: sum,
      soilWaterIndex: measure(84.3, .rain), countedSince: afternoon - .hours(5), incomplete: ["rolling_24h"])
    var report = Effects.ObservationReport(
      sensor: "rain-1", at: moment(), value: .rain(total: measure(617.5, .rain), tips: 1235), fault: nil, sums: sums)
    var states = [("info", formats.info()), ("observation", formats.observation(report))]
    (sums.tenMinutesByClock, sums.today, sums.sinceItBegan, sums.incomplete) = (nil, nil, nil, [])
    report.sums = sums
    states.append(("observation", formats.observation(report)))
    let level = Effects.ObservationReport(
      sensor: river, at: moment(), value: .measure(measure(4.12)), fault: nil, ratePerHour: measure(1.2), next: next)
    states.append(("observation", formats.observation(level)))
    var health = health()
    health.sensors[0].soilWaterIndex = measure(84.3, .rain)
    states.append(("health", formats.health(health)))
    return states
  }
}
