import Observations

@testable import SensorDrivers

/// An SDI-12 line in virtual time: the bus on one side, on the other whatever a test says that its devices answer.
struct VirtualSDI12 {
  /// What comes back after a command, without the line end, and how long after it: nil, nothing.
  typealias Devices = (_ command: String, _ time: MonotonicTime) -> [(delay: TimeSpan, text: String)]

  private struct Arrival {
    let time: MonotonicTime
    let bytes: [UInt8]
  }

  static let line = SerialLine(baud: 1200, dataBits: 7, parity: .even)

  var bus: SDI12Bus
  var devices: Devices
  private(set) var now = MonotonicTime.at(milliseconds: 0)
  private(set) var observations: [TimedObservation] = []
  private(set) var commands: [(time: MonotonicTime, text: String)] = []
  private(set) var breaks: [(begin: MonotonicTime, end: MonotonicTime?)] = []
  private(set) var reopenings = 0
  private var arrivals: [Arrival] = []
  private var actions = DriverActions()

  init(points: [SDI12Point], sendsBreak: Bool = true, devices: @escaping Devices) {
    self.devices = devices
    bus = SDI12Bus(line: Self.line, points: points, sendsBreak: sendsBreak)
    bus.opened(at: now, into: &actions)
    carryOut()
  }

  /// Lets time pass until `end`, at most a million events.
  mutating func run(until end: MonotonicTime) {
    for _ in 0..<1_000_000 {
      let arrival = arrivals.first?.time
      guard let next = [arrival, bus.nextDeadline].compactMap(\.self).min(), next <= end else { break }
      now = max(now, next)
      if let arrival, arrival <= now {
        let bytes = arrivals.removeFirst().bytes
        bus.received(bytes.span, at: now, into: &actions)
      } else {
        bus.wake(at: now, into: &actions)
      }
      carryOut()
    }
    now = end
  }

  mutating func run(seconds: Int64) { run(until: now + .seconds(seconds)) }

  /// Bytes that come one after another, each taking its time.
  mutating func inject(_ bytes: [UInt8], at time: MonotonicTime) {
    for (index, byte) in bytes.enumerated() {
      let moment = time + TimeSpan(nanoseconds: Int64(index + 1) * Self.line.characterNanoseconds)
      let place = arrivals.lastIndex { $0.time <= moment }.map { $0 + 1 } ?? 0
      arrivals.insert(Arrival(time: moment, bytes: [byte]), at: place)
    }
  }

  private mutating func carryOut() {
    observations += actions.observations
    if actions.reopen { reopenings += 1 }
    switch actions.lineBreak {
    case .begin: breaks.append((now, nil))
    case .end: breaks[breaks.count - 1].end = now
    case nil: break
    }
    if !actions.transmit.isEmpty {
      let text = String(decoding: actions.transmit, as: UTF8.self)
      commands.append((now, text))
      let sent = now + TimeSpan(nanoseconds: Int64(actions.transmit.count) * Self.line.characterNanoseconds)
      for answer in devices(text, sent) { inject(Array((answer.text + "\r\n").utf8), at: sent + answer.delay) }
    }
    actions.removeAll()
  }
}

extension SDI12Point {
  /// A sensor in metres, called `address` and measurement, such as `0m`, or `0m-2` for its second value.
  static func point(
    _ address: String, _ measure: String = "M", crc: Bool = false, value: Int = 1, every: TimeSpan = .seconds(10),
    longest: TimeSpan = .seconds(30), identity: String? = nil
  ) -> SDI12Point {
    let name = "\(address)\(measure.lowercased())" + (value == 1 ? "" : "-\(value)")
    return SDI12Point(
      sensor: SensorID(name), quantity: .waterLevel, address: SDI12Address(text: address)!,
      measurement: SDI12Measurement(text: measure, withChecksum: crc)!, value: value, every: every, longest: longest,
      identity: identity)
  }
}

/// A line of values with its checksum behind it.
func withChecksum(_ text: String) -> String {
  let bytes = Array(text.utf8)
  let checksum = SDI12Checksum.characters(SDI12Checksum.compute(bytes.span))
  return text + String(decoding: checksum, as: UTF8.self)
}
