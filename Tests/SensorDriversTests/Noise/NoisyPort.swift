import Observations
import Testing

@testable import SensorDrivers

/// A serial driver and the device at the other end of its wire, as the noise tests see them.
///
/// A new driver is one line in `all`: what to make, what its device sends, and what of that is true.
struct NoisyPort: Sendable, CustomTestStringConvertible {
  let name: String
  let bytesPerSecond: Int
  /// Whether a flipped bit is always seen. Where there is no check, bits are not flipped: nobody could tell.
  var hasCheck = true
  /// How long after noise the driver may be busy with itself before the first good frame is sent.
  var settle = TimeSpan.milliseconds(300)
  let make: @Sendable () -> any SerialDriver
  /// What the device answers to the bytes that the driver sends.
  var answer: @Sendable ([UInt8]) -> [UInt8] = { _ in [] }
  /// What the device says by itself, and how often.
  var talk: (every: TimeSpan, frame: [UInt8])?
  /// What an observation says of the world: true, false, or nothing.
  let verdict: @Sendable (Observation) -> Bool?

  var testDescription: String { name }

  /// A device that measures one level, in thousandths. With a check of only eight bits a spoilt frame may pass, but never
  /// further from the truth than `tolerance`.
  static func level(_ truth: Int64, tolerance: Int64 = 0) -> @Sendable (Observation) -> Bool? {
    { observation in
      guard case .reading(_, let value) = observation else { return nil }
      return abs(value.thousandths - truth) <= tolerance
    }
  }

  static let all: [NoisyPort] = [
    NoisyPort(
      name: "modbus", bytesPerSecond: 872,
      make: { ModbusBus(line: SerialLine(baud: 9600, parity: .even), points: [.register(unit: 1, address: 120)]) },
      answer: { ModbusRequest(frame: $0.span).map { honestAnswer($0) } ?? [] },
      verdict: level(1120)),
    NoisyPort(
      name: "a02yyuw", bytesPerSecond: 960,
      make: { UltrasonicSensor(sensor: "canal-1", mountHeight: Measure(thousandths: 4500)) },
      talk: (.milliseconds(100), A02YYUWParser.encode(millimetres: 3300)), verdict: level(1200, tolerance: 100)),
    NoisyPort(
      name: "hci", bytesPerSecond: 11_520, hasCheck: false, settle: .seconds(5),
      make: { BeaconReceiver(sensor: "gate") },
      answer: { VirtualController.answers(to: $0) },
      talk: (.milliseconds(100), BLEVectors.report(BLEVectors.iBeacon(minor: 7))),
      // H4 has no check: a byte more or fewer makes another tag of a report. That such a tag is nobody's arrival is for the
      // place's `sightings` and `dwell` to see to.
      verdict: { observation in
        guard case .sighting(_, let sighting) = observation else { return nil }
        return BLEVectors.hex(sighting.tag) == BLEVectors.identifier(minor: 7) ? true : nil
      }),
    NoisyPort(
      // Faster than the wire, so that an answer still comes within the time that a device has for it.
      name: "sdi12", bytesPerSecond: 2000, make: { SDI12Bus(line: SerialLine(baud: 1200), points: [continuousPoint]) },
      answer: { $0 == Array("0RC0!".utf8) ? Array("0+1.234".utf8).checkedForSDI12 : [] }, verdict: level(1234)),
    NoisyPort(
      name: "maxbotix", bytesPerSecond: 960, hasCheck: false,
      make: { MaxBotixSensor(sensor: "canal-2", mountHeight: Measure(thousandths: 4500), output: .millimetres) },
      talk: (.milliseconds(150), Array("R3300\r".utf8)), verdict: level(1200)),
    NoisyPort(
      name: "line", bytesPerSecond: 960,
      make: { LineSensors(points: [LinePoint(sensor: "well-1", quantity: .waterLevel, pattern: checkedPattern)]) },
      talk: (.milliseconds(200), checkedLine), verdict: level(1250)),
    NoisyPort(
      name: "nmea", bytesPerSecond: 960, settle: .seconds(1), make: { SatelliteReceiver(sensor: "gnss") },
      talk: (.seconds(1), NMEASplitter.encode("GNRMC,031530.00,A,3445.4010,N,13450.4820,E,0.02,,211126,,,A")),
      // A byte that comes three times leaves a sum of eight bits as it was: no further away than its last digits.
      verdict: { observation in
        guard case .position(_, let fix) = observation else { return nil }
        return abs(fix.position.latitude - 34.7566833) < 0.02 && abs(fix.position.longitude - 134.8413667) < 0.02
      }),
  ]
}

extension NoisyPort {
  private static let continuousPoint: SDI12Point = {
    guard let address = SDI12Address(UInt8(ascii: "0")),
      let measurement = SDI12Measurement(text: "R0", withChecksum: true)
    else { preconditionFailure("R0 of address 0 can be measured") }
    return SDI12Point(
      sensor: "well-2", quantity: .waterLevel, address: address, measurement: measurement, every: .seconds(1))
  }()

  private static let checkedPattern: LinePattern = {
    do throws(LinePattern.Flaw) {
      return try LinePattern("${begin}WL {value} m{end}*{checksum:crc16-ccitt}")
    } catch {
      preconditionFailure(error.problem)
    }
  }()

  private static let checkedLine: [UInt8] = {
    let body = Array("WL 1.250 m".utf8)
    let digits = String(LineChecksum.crc16CCITT.compute(body.span), radix: 16, uppercase: true)
    let padded = String(repeating: "0", count: 4 - digits.utf8.count) + digits
    return Array("$".utf8) + body + Array("*\(padded)\r\n".utf8)
  }()
}

extension [UInt8] {
  /// The same with SDI-12's checksum and line end.
  var checkedForSDI12: [UInt8] { self + SDI12Checksum.characters(SDI12Checksum.compute(span)) + [0x0D, 0x0A] }
}

/// What happens to the bytes of a wire.
enum Noise: CaseIterable {
  case randomStream, randomBursts, halfFrames, droppedBytes, repeatedBytes, flippedBits, everything

  /// What becomes of a frame.
  func spoil(_ frame: [UInt8], hasCheck: Bool, using random: inout SeededGenerator) -> [UInt8] {
    guard !frame.isEmpty else { return frame }
    var bytes = frame
    let place = Int.random(in: 0..<bytes.count, using: &random)
    switch self {
    case .randomStream, .randomBursts: return frame
    case .halfFrames:
      return Array(Bool.random(using: &random) ? bytes[..<place] : bytes[(place + 1)...])
    case .droppedBytes: bytes.remove(at: place)
    case .repeatedBytes:
      bytes.insert(contentsOf: Array(repeating: bytes[place], count: Int.random(in: 1...3, using: &random)), at: place)
    case .flippedBits:
      return hasCheck ? frame.flipping(bit: Int.random(in: 0..<frame.count * 8, using: &random)) : frame
    case .everything:
      let kinds: [Noise] = [.halfFrames, .droppedBytes, .repeatedBytes, .randomStream]
      return kinds.randomElement(using: &random)!.spoil(frame, hasCheck: hasCheck, using: &random)
    }
    return bytes
  }

  /// Bytes that belong to nothing, in ten milliseconds of a wire.
  func stray(bytesPerSecond: Int, using random: inout SeededGenerator) -> [UInt8] {
    let count: Int
    switch self {
    case .randomStream: count = max(bytesPerSecond / 100, 1)
    case .randomBursts, .everything:
      count = Int.random(in: 0..<10, using: &random) == 0 ? Int.random(in: 1...40, using: &random) : 0
    case .halfFrames, .droppedBytes, .repeatedBytes, .flippedBits: count = 0
    }
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }
}

/// One driver on a noisy wire in virtual time.
struct NoisyWire {
  private static let tick = TimeSpan.milliseconds(10)

  let port: NoisyPort
  private(set) var driver: any SerialDriver
  private(set) var falseObservations: [TimedObservation] = []
  private(set) var trueObservations = 0
  private(set) var goodFrames = 0
  private(set) var now = MonotonicTime.at(milliseconds: 1_000)
  private var actions = DriverActions()
  private var random: SeededGenerator
  private var arrivals: [(time: MonotonicTime, bytes: [UInt8], isGood: Bool)] = []
  private var nextTalk: MonotonicTime
  /// The true observations before each whole frame that came in quiet.
  private var unread = 0

  init(_ port: NoisyPort, seed: UInt64) {
    self.port = port
    driver = port.make()
    random = SeededGenerator(seed: seed)
    nextTalk = now
    driver.opened(at: now, into: &actions)
    carryOut(nil)
  }

  /// Lets noise of one kind last.
  mutating func noise(_ noise: Noise, for span: TimeSpan) {
    run(until: now + span, noise)
  }

  /// Nothing on the wire but the driver's own words, then whole frames until one was read. Returns how many came before
  /// that: 1 is the first, 0 one that was asked for before.
  mutating func framesUntilRead() -> Int? {
    arrivals.removeAll()
    nextTalk = now + port.settle
    let end = nextTalk
    while now < end { step(nil, isQuiet: true) }
    let before = trueObservations
    goodFrames = 0
    let limit = now + .seconds(90)
    nextTalk = now
    while now < limit {
      step(nil)
      if trueObservations > before { return goodFrames }
    }
    return nil
  }

  private mutating func run(until end: MonotonicTime, _ noise: Noise?) {
    while now < end { step(noise) }
  }

  /// Ten milliseconds. `isQuiet`: the device answers and does not talk by itself.
  private mutating func step(_ noise: Noise?, isQuiet: Bool = false) {
    now = now + Self.tick
    while let first = arrivals.first, first.time <= now {
      arrivals.removeFirst()
      deliver(first.bytes, isGood: first.isGood, noise)
    }
    if let noise { deliver(noise.stray(bytesPerSecond: port.bytesPerSecond, using: &random), isGood: false, noise) }
    if let talk = port.talk, now >= nextTalk, !isQuiet {
      nextTalk = now + talk.every
      deliver(spoilt(talk.frame, noise), isGood: noise == nil, noise)
    }
    var wakes = 0
    while let deadline = driver.nextDeadline, deadline <= now, wakes < 100 {
      wakes += 1
      driver.wake(at: max(deadline, now - Self.tick), into: &actions)
      carryOut(noise, isQuiet: isQuiet)
    }
  }

  private mutating func spoilt(_ frame: [UInt8], _ noise: Noise?) -> [UInt8] {
    noise?.spoil(frame, hasCheck: port.hasCheck, using: &random) ?? frame
  }

  private mutating func deliver(_ bytes: [UInt8], isGood: Bool, _ noise: Noise?) {
    guard !bytes.isEmpty else { return }
    if isGood { goodFrames += 1 }
    driver.received(bytes.span, at: now, into: &actions)
    carryOut(noise)
  }

  private mutating func carryOut(_ noise: Noise?, isQuiet: Bool = false) {
    for observation in actions.observations {
      switch port.verdict(observation.observation) {
      case true?: trueObservations += 1
      case false?: falseObservations.append(observation)
      case nil: break
      }
    }
    let sent = actions.transmit
    let reopens = actions.reopen
    actions.removeAll()
    if !sent.isEmpty {
      let answer = spoilt(port.answer(sent), noise)
      if !answer.isEmpty {
        let wire = TimeSpan(nanoseconds: Int64(answer.count) * 1_000_000_000 / Int64(port.bytesPerSecond))
        arrivals.append((now + .milliseconds(20) + wire, answer, noise == nil && !isQuiet))
      }
    }
    if reopens {
      driver.opened(at: now, into: &actions)
      carryOut(noise, isQuiet: isQuiet)
    }
  }
}

/// How many values a driver holds, all of them counted: what grows without a limit shows here.
func weight(of value: Any) -> Int {
  if let bytes = value as? [UInt8] { return bytes.count + 1 }
  return Mirror(reflecting: value).children.reduce(1) { $0 + weight(of: $1.value) }
}
