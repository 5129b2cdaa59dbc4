import Observations
import SensorDrivers
import Testing

/// A receiver in virtual time with a controller of the test's making at its other end.
struct VirtualController {
  static let sensor: SensorID = "gate-north"
  static let extendedCommands: [UInt16] = [0x2041, 0x2042]

  var receiver: BeaconReceiver
  var now = MonotonicTime(nanoseconds: 1_000_000_000)
  var actions = DriverActions()
  /// All that was observed since the start.
  var observations: [TimedObservation] = []
  /// The commands that arrived.
  var commands: [[UInt8]] = []
  var reopenings = 0

  /// Answers nothing at all.
  var isDead = false
  var supportsExtended = false
  /// Opcodes that are answered with the error "command disallowed", and those that are not answered.
  var refused: Set<UInt16> = []
  var ignored: Set<UInt16> = []
  /// Num_HCI_Command_Packets of each answer.
  var credits: UInt8 = 1

  init(settings: BeaconReceiver.Settings = BeaconReceiver.Settings(), contacts: [RadioContact] = []) {
    receiver = BeaconReceiver(sensor: Self.sensor, settings: settings, contacts: contacts)
  }

  var opcodes: [UInt16] { commands.map { UInt16($0[1]) | UInt16($0[2]) << 8 } }

  func count(_ observation: Observation) -> Int {
    observations.count { $0.observation == observation }
  }

  var aliveCount: Int { count(.alive(Self.sensor)) }
  var deafCount: Int { count(.fault(Self.sensor, .deaf)) }

  var sightings: [TagSighting] {
    observations.compactMap { timed in
      if case .sighting(_, let sighting) = timed.observation { sighting } else { nil }
    }
  }

  mutating func open() {
    receiver.opened(at: now, into: &actions)
    exchange()
  }

  mutating func send(_ bytes: [UInt8]) {
    receiver.received(bytes.span, at: now, into: &actions)
    exchange()
  }

  /// Lets time pass, with every deadline at its moment.
  mutating func pass(_ span: TimeSpan) {
    let end = now + span
    while let deadline = receiver.nextDeadline, deadline <= end {
      now = max(now, deadline)
      receiver.wake(at: now, into: &actions)
      exchange()
    }
    now = end
  }

  /// Takes what the receiver asked for and answers it, until it asks for nothing more.
  private mutating func exchange() {
    var rounds = 0
    repeat {
      rounds += 1
      #expect(rounds < 100)
      observations += actions.observations
      let transmitted = actions.transmit
      let reopens = actions.reopen
      actions.removeAll()
      if reopens {
        reopenings += 1
        receiver.opened(at: now, into: &actions)
        continue
      }
      guard !transmitted.isEmpty else { return }
      var rest = transmitted[...]
      while rest.count >= 4 {
        let length = 4 + Int(rest[rest.startIndex + 3])
        answer(Array(rest.prefix(length)))
        rest = rest.dropFirst(length)
      }
    } while true
  }

  private mutating func answer(_ command: [UInt8]) {
    commands.append(command)
    let opcode = UInt16(command[1]) | UInt16(command[2]) << 8
    guard !isDead, !ignored.contains(opcode) else { return }
    var parameters: [UInt8] = [refused.contains(opcode) ? 0x0C : 0x00]
    switch opcode {
    case 0x2003: parameters += [0, supportsExtended ? 0x10 : 0, 0, 0, 0, 0, 0, 0]
    case 0x1002: parameters += (0..<64).map { $0 == 37 ? 0x60 : 0 }
    default: break
    }
    let event = [0x04, 0x0E, UInt8(3 + parameters.count), credits, command[1], command[2]] + parameters
    receiver.received(event.span, at: now, into: &actions)
  }
}

extension VirtualController {
  /// What a plain controller answers to the commands in `bytes`, each with success.
  static func answers(to bytes: [UInt8]) -> [UInt8] {
    var events: [UInt8] = []
    var rest = bytes[...]
    while rest.count >= 4 {
      let command = Array(rest.prefix(4))
      rest = rest.dropFirst(4 + Int(command[3]))
      var parameters: [UInt8] = [0]
      switch UInt16(command[1]) | UInt16(command[2]) << 8 {
      case 0x2003: parameters += [UInt8](repeating: 0, count: 8)
      case 0x1002: parameters += (0..<64).map { $0 == 37 ? 0x60 : 0 }
      default: break
      }
      events += [0x04, 0x0E, UInt8(3 + parameters.count), 1, command[1], command[2]] + parameters
    }
    return events
  }
}
