public import Observations
public import SensorDrivers

/// Finds out what is on a serial line: listens first, then asks for a Bluetooth controller, then asks Modbus addresses.
///
/// A value that is told what came and says what to do next; whoever owns the port does it. It reads registers and never
/// writes one.
public struct SerialProbe: Sendable {
  /// Where and how long to look.
  public struct Settings: Sendable {
    /// The Modbus addresses to ask, 1 to 247.
    public var addresses: ClosedRange<Int>
    /// The line's settings, where they are known; nil: the common ones, one after the other.
    public var line: SerialLine?
    /// How long an answer is waited for beside what it takes on the wire.
    public var patience: TimeSpan
    /// How long each setting is listened to.
    public var listening: TimeSpan

    public init(
      addresses: ClosedRange<Int> = 1...247, line: SerialLine? = nil, patience: TimeSpan = .milliseconds(150),
      listening: TimeSpan = .seconds(2)
    ) {
      self.addresses = addresses
      self.line = line
      self.patience = patience
      self.listening = listening
    }
  }

  /// What is to be done next.
  public enum Step: Sendable, Hashable {
    /// Open the port with these settings.
    case configure(SerialLine)
    case listen(TimeSpan)
    /// Send these bytes, and listen so long.
    case ask([UInt8], TimeSpan)
  }

  /// A Modbus device that answered.
  public struct Device: Sendable, Hashable {
    public let unit: UInt8
    public let line: SerialLine
    /// What it answered instead of a register, if it did.
    public internal(set) var exception: ModbusException?
    /// What its registers hold, as far as it let them be read.
    public internal(set) var registers: [Register] = []

    public init(unit: UInt8, line: SerialLine) {
      self.unit = unit
      self.line = line
    }
  }

  /// One register of a device.
  public struct Register: Sendable, Hashable {
    public let table: ModbusTable
    public let address: UInt16
    public let value: UInt16
  }

  /// The settings in which sensors that talk by themselves are met.
  static let talkingLines = [9600, 4800, 115_200].map { SerialLine(baud: $0) }
  /// The settings of Modbus devices, the most common first; even parity is the standard's own.
  static let modbusLines: [SerialLine] =
    [9600, 19_200].flatMap { [SerialLine(baud: $0, parity: .even), SerialLine(baud: $0)] }
    + [4800, 38_400, 115_200].map { SerialLine(baud: $0) } + [SerialLine(baud: 9600, parity: .odd)]
  static let controllerLines = [1_000_000, 115_200].map { SerialLine(baud: $0) }
  /// Addresses that most devices leave the factory with: they are asked first, on all lines.
  static let usualAddresses = 1...16
  /// How many registers are read of a device that was found, from 0 on.
  static let registersRead = 8

  private enum Phase {
    case listen(SerialLine)
    case sweep(SerialLine, ModbusTable, [UInt8])
    case registers(SerialLine, UInt8, ModbusTable, count: Int)
    case controller(SerialLine)

    var line: SerialLine {
      switch self {
      case .listen(let line), .sweep(let line, _, _), .registers(let line, _, _, _), .controller(let line): line
      }
    }
  }

  /// Who talks by itself, and in which settings.
  public private(set) var talker: (talker: Talker, line: SerialLine)?
  public private(set) var devices: [Device] = []
  /// Bytes that are nobody's: a wrong speed, or a protocol that is not known here.
  public private(set) var chatter: (line: SerialLine, count: Int, firstBytes: [UInt8])?
  /// What is being done, for a person who waits.
  public private(set) var progress = ""

  private let settings: Settings
  private var phases: [Phase] = []
  private var configured: SerialLine?
  private var recognition: TalkerRecognition?
  private var parser = ModbusReplyParser()
  private var reading: (unit: UInt8, table: ModbusTable, count: Int)?
  private var isAskingController = false

  public init(_ settings: Settings) {
    self.settings = settings
    let addresses = settings.addresses.clamped(to: 1...247)
    let usual = addresses.filter(Self.usualAddresses.contains).map(UInt8.init)
    let rest = addresses.filter { !Self.usualAddresses.contains($0) }.map(UInt8.init)
    func lines(_ common: [SerialLine]) -> [SerialLine] { settings.line.map { [$0] } ?? common }
    phases = lines(Self.talkingLines).map { .listen($0) }
    // Before the Modbus requests, of which a controller would take some for the beginnings of commands. Twice, because
    // it may be in the middle of one.
    phases += lines(Self.controllerLines).flatMap { [.controller($0), .controller($0)] }
    for table in [ModbusTable.input, .holding] {
      phases += lines(Self.modbusLines).map { .sweep($0, table, usual) }
    }
    phases += lines(Self.modbusLines).map { .sweep($0, .input, rest) }
  }

  /// What to do next; nil when everything has been tried, or enough has been found.
  public mutating func next() -> Step? {
    endStep()
    while let phase = phases.first {
      if configured != phase.line {
        configured = phase.line
        parser = ModbusReplyParser()
        return .configure(phase.line)
      }
      switch phase {
      case .listen(let line):
        phases.removeFirst()
        recognition = TalkerRecognition()
        progress = "listening at \(line.text)"
        return .listen(settings.listening)
      case .sweep(let line, let table, let units):
        guard let unit = units.first else {
          phases.removeFirst()
          continue
        }
        phases[0] = .sweep(line, table, Array(units.dropFirst()))
        if devices.contains(where: { $0.unit == unit }) { continue }
        progress = "asking Modbus addresses at \(line.text), \(table.rawValue) registers"
        return ask(unit, table, count: 1, on: line)
      case .registers(let line, let unit, let table, let count):
        phases.removeFirst()
        reading = (unit, table, count)
        return ask(unit, table, count: count, on: line)
      case .controller(let line):
        phases.removeFirst()
        progress = "asking for a Bluetooth controller at \(line.text)"
        isAskingController = true
        recognition = TalkerRecognition()
        // Read Local Version Information (Core, Vol 4, Part E, 7.4.1): harmless, and each controller answers it.
        return .ask([0x01, 0x01, 0x10, 0x00], settings.patience)
      }
    }
    return nil
  }

  private mutating func ask(_ unit: UInt8, _ table: ModbusTable, count: Int, on line: SerialLine) -> Step? {
    guard let request = ModbusRequest(unit: unit, table: table, address: 0, quantity: count) else { return nil }
    parser.discard()
    parser.expect(request)
    var bytes: [UInt8] = []
    request.encode(into: &bytes)
    let characters = Int64(ModbusRequest.frameLength + request.answerLength + 7)
    return .ask(bytes, settings.patience + TimeSpan(nanoseconds: characters * line.characterNanoseconds))
  }

  /// Bytes came. Returns whether the step has found what it wanted.
  public mutating func received(_ bytes: Span<UInt8>) -> Bool {
    if recognition != nil {
      var answered = false
      let asks = isAskingController
      recognition?.take(bytes) { frame in
        // Command Complete for what was asked.
        if asks, frame.talker == .hci, frame.bytes.count >= 6, frame.bytes[1] == 0x0E,
          frame.bytes[4...5] == [0x01, 0x10]
        {
          answered = true
        }
      }
      return answered ? found(.hci) : asks ? false : recognition?.talker.map { found($0) } ?? false
    }
    var isOver = false
    for index in bytes.indices {
      if let match = parser.feed(bytes[index]) { isOver = take(match) || isOver }
    }
    return isOver
  }

  private mutating func found(_ talker: Talker) -> Bool {
    guard let configured else { return false }
    self.talker = (talker, configured)
    recognition = nil
    phases.removeAll()
    return true
  }

  /// An answer came: to the address that is asked, or late to one before.
  private mutating func take(_ match: ModbusReplyParser.Match) -> Bool {
    guard let line = configured else { return false }
    let unit = match.request.unit
    if let reading, reading.unit == unit {
      self.reading = nil
      if match.exception == nil {
        note(match.request)
      } else if reading.count > 1 {
        phases.insert(.registers(line, unit, reading.table, count: reading.count / 2), at: 0)
      }
      return true
    }
    // A bridge answers for addresses behind which nobody is.
    if match.exception == .gatewayPathUnavailable || match.exception == .gatewayTargetFailedToRespond { return true }
    guard !devices.contains(where: { $0.unit == unit }) else { return true }
    if devices.isEmpty { stay(on: line, match.request.table) }
    var device = Device(unit: unit, line: line)
    device.exception = match.exception
    devices.append(device)
    phases.insert(.registers(line, unit, .holding, count: Self.registersRead), at: 0)
    phases.insert(.registers(line, unit, .input, count: Self.registersRead), at: 0)
    return true
  }

  private mutating func note(_ request: ModbusRequest) {
    guard let index = devices.firstIndex(where: { $0.unit == request.unit }) else { return }
    for offset in 0..<parser.registerCount {
      devices[index].registers.append(
        Register(
          table: request.table, address: request.address + UInt16(offset), value: parser.register(offset)))
    }
  }

  /// All devices of a line have the same settings: the other lines need not be tried any more.
  private mutating func stay(on line: SerialLine, _ table: ModbusTable) {
    phases = phases.compactMap { phase in
      guard case .sweep(line, let other, let units) = phase else { return nil }
      let isRest = units.contains { !Self.usualAddresses.contains(Int($0)) }
      return other == table || isRest ? .sweep(line, table, units) : nil
    }
  }

  /// What was asked or listened for is over.
  private mutating func endStep() {
    if let recognition, let line = configured, !isAskingController, recognition.byteCount > 0 {
      if (chatter?.count ?? 0) < recognition.byteCount {
        chatter = (line, recognition.byteCount, recognition.firstBytes)
      }
    }
    recognition = nil
    isAskingController = false
    reading = nil
  }
}

extension SerialLine {
  /// As people write it: `9600 8E1`.
  public var text: String { "\(baud) \(frameText)" }

  /// The frame alone: `8E1`.
  public var frameText: String { "\(dataBits)\(parity.rawValue)\(stopBits)" }
}
