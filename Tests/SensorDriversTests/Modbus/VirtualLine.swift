import Observations
import SensorDrivers

/// A Modbus line in virtual time: the bus on one side, on the other whatever a test says that its devices answer.
struct VirtualLine {
  /// What comes back after a request, and how long after its last byte it begins.
  typealias Devices = (ModbusRequest, MonotonicTime) -> [(delay: TimeSpan, bytes: [UInt8])]

  private struct Arrival {
    let time: MonotonicTime
    let bytes: [UInt8]
  }

  let line: SerialLine
  var bus: ModbusBus
  var devices: Devices
  private(set) var now = MonotonicTime.at(milliseconds: 0)
  private(set) var observations: [TimedObservation] = []
  private(set) var requests: [(time: MonotonicTime, request: ModbusRequest)] = []
  private(set) var reports: [(time: MonotonicTime, report: OutputReport)] = []
  private(set) var reopenings = 0
  private(set) var events = 0
  private var arrivals: [Arrival] = []
  private var actions = DriverActions()

  init(
    line: SerialLine = SerialLine(baud: 9600, parity: .even), points: [ModbusPoint], outputs: [ModbusOutput] = [],
    identities: [ModbusIdentity] = [], manners: ModbusLineManners = ModbusLineManners(gap: nil),
    devices: @escaping Devices
  ) {
    self.line = line
    self.devices = devices
    bus = ModbusBus(line: line, points: points, outputs: outputs, identities: identities, manners: manners)
    bus.opened(at: now, into: &actions)
    carryOut()
  }

  /// Lets time pass until `end`, at most a million events.
  mutating func run(until end: MonotonicTime) {
    while events < 1_000_000 {
      let arrival = arrivals.first?.time
      let deadline = bus.nextDeadline
      guard let next = [arrival, deadline].compactMap(\.self).min(), next <= end else { break }
      events += 1
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

  /// Bytes that nobody asked for.
  mutating func inject(_ bytes: [UInt8], at time: MonotonicTime) {
    let place = arrivals.lastIndex { $0.time <= time }.map { $0 + 1 } ?? 0
    arrivals.insert(Arrival(time: time, bytes: bytes), at: place)
  }

  /// The station wants an output so, now.
  mutating func command(_ output: OutputID, on: Bool) {
    bus.command(output, on: on, at: now, into: &actions)
    carryOut()
  }

  /// The port is lost and opened again.
  mutating func reopen() {
    arrivals.removeAll()
    bus.failed(.portLost, at: now, into: &actions)
    carryOut()
    bus.opened(at: now, into: &actions)
    carryOut()
  }

  private mutating func carryOut() {
    observations += actions.observations
    reports += actions.outputs.map { (now, $0) }
    if actions.reopen { reopenings += 1 }
    let transmitted = actions.transmit
    if let request = ModbusRequest(frame: transmitted.span) {
      requests.append((now, request))
      let sent = now + wireTime(transmitted.count)
      for answer in devices(request, sent) {
        inject(answer.bytes, at: sent + answer.delay + wireTime(answer.bytes.count))
      }
    }
    actions.removeAll()
  }

  private func wireTime(_ count: Int) -> TimeSpan {
    TimeSpan(nanoseconds: Int64(count) * line.characterNanoseconds)
  }

  /// The observations of one sensor from `start` to before `end`.
  func values(of sensor: SensorID, from start: MonotonicTime, to end: MonotonicTime) -> [Measure] {
    observations.filter { $0.time >= start && $0.time < end }.values(of: sensor)
  }
}

/// The answer of a device whose every register holds its own address plus a thousand times its unit, whose every third bit
/// is set, and that takes whatever is written.
func honestAnswer(_ request: ModbusRequest) -> [UInt8] {
  var bytes: [UInt8] = []
  if request.written != nil {
    request.encode(into: &bytes)
  } else if request.table.holdsBits {
    request.encodeAnswer((0..<request.quantity).map { (Int(request.address) + $0) % 3 == 0 }, into: &bytes)
  } else {
    let first = Int(request.unit) * 1000 + Int(request.address)
    request.encodeAnswer((0..<request.quantity).map { UInt16(truncatingIfNeeded: first + $0) }, into: &bytes)
  }
  return bytes
}

/// The answer of a device that cannot do what is asked.
func exceptionAnswer(_ request: ModbusRequest, _ exception: ModbusException) -> [UInt8] {
  var bytes: [UInt8] = []
  request.encodeException(exception, into: &bytes)
  return bytes
}

extension ModbusPoint {
  /// A sensor of one unsigned register, in metres, called `unit-address`.
  static func register(
    unit: UInt8, address: UInt16 = 0, every: TimeSpan = .seconds(1), timeout: TimeSpan? = nil, retries: Int = 1
  ) -> ModbusPoint {
    ModbusPoint(
      sensor: SensorID("\(unit)-\(address)"), quantity: .waterLevel, unit: unit, table: .input, address: address,
      type: .uint16, scale: 0.001, every: every, timeout: timeout, retries: retries)
  }
}

extension ModbusPoint {
  /// A contact at one bit, called `contact-unit-address`, wet while the bit is set.
  static func contact(
    unit: UInt8, table: ModbusTable = .discrete, address: UInt16, activeWhenSet: Bool = true,
    every: TimeSpan = .seconds(1)
  ) -> ModbusPoint {
    ModbusPoint(
      sensor: SensorID("contact-\(unit)-\(address)"), quantity: .floodContact, unit: unit, table: table,
      address: address, type: .uint16, meaning: .contact(activeWhenSet: activeWhenSet), every: every)
  }
}

extension Sequence<TimedObservation> {
  /// What a contact said, in order.
  func contacts(of sensor: SensorID) -> [Bool] {
    compactMap { if case .contact(sensor, let isActive) = $0.observation { isActive } else { nil } }
  }
}
