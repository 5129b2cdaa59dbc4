public import Observations
public import SensorDrivers

/// The Modbus RTU devices of one line: each register holds the level that the scenario last set, each bit whether it is
/// wet, and what is written is kept.
public struct SimulatedModbusUnits: SimulatedDevice {
  /// One value in the registers of one device, and how it lies there.
  public struct Register: Sendable, Hashable {
    public var sensor: String
    public var unit: UInt8
    public var table: ModbusTable
    public var address: UInt16
    public var type: ModbusNumberType
    public var wordOrder: ModbusWordOrder
    public var meaning: ModbusMeaning
    /// Value = raw × scale + offset.
    public var scale: Double
    public var offset: Double

    public init(
      sensor: String, unit: UInt8, table: ModbusTable, address: UInt16, type: ModbusNumberType,
      wordOrder: ModbusWordOrder, meaning: ModbusMeaning = .number, scale: Double, offset: Double
    ) {
      self.sensor = sensor
      self.unit = unit
      self.table = table
      self.address = address
      self.type = type
      self.wordOrder = wordOrder
      self.meaning = meaning
      self.scale = scale
      self.offset = offset
    }

    /// The registers that hold `value`.
    func encode(_ value: Double) -> [UInt16] {
      var number = value
      if case .currentLoop(let loop) = meaning { number = loop.milliamperes(for: value) }
      return Self.registers(of: (number - offset) / scale, type, wordOrder)
    }

    static func registers(of raw: Double, _ type: ModbusNumberType, _ wordOrder: ModbusWordOrder) -> [UInt16] {
      let bits: UInt32 =
        switch type {
        case .int16: UInt32(UInt16(bitPattern: Int16(clamping: Int64(raw.rounded()))))
        case .uint16: UInt32(UInt16(clamping: Int64(raw.rounded())))
        case .int32: UInt32(bitPattern: Int32(clamping: Int64(raw.rounded())))
        case .uint32: UInt32(clamping: Int64(raw.rounded()))
        case .float32: Float(raw).bitPattern
        }
      var words = [UInt16(truncatingIfNeeded: bits >> 16), UInt16(truncatingIfNeeded: bits)]
      if type.registerCount == 1 { words.removeFirst() }
      if wordOrder == .badc || wordOrder == .dcba { words = words.map(\.byteSwapped) }
      if wordOrder == .cdab || wordOrder == .dcba { words.reverse() }
      return words
    }
  }

  private struct Point {
    let register: Register
    var level: SimulatedLevel
    var isWet = false
    var isSilent = false
    var isGarbled = false
    var exception: UInt8 = 0
  }

  /// A place in a table that holds what was written, or what tells the device from another.
  private struct Place: Hashable {
    let unit: UInt8
    let holdsBits: Bool
    let address: Int
  }

  private var points: [Point]
  private let switched: [UInt8]
  private var identities: [ModbusIdentity]
  private var written: [Place: UInt16] = [:]
  private var input: [UInt8] = []
  private var lastInput = MonotonicTime(nanoseconds: 0)

  /// - Parameter switched: the units that outputs are behind.
  public init(registers: [Register], identities: [ModbusIdentity] = [], switched: [UInt8] = []) {
    points = registers.map { Point(register: $0, level: SimulatedLevel(metres: 0)) }
    self.identities = identities
    self.switched = switched
  }

  public var nextDeadline: MonotonicTime? { nil }

  public mutating func received(_ bytes: [UInt8], at time: MonotonicTime, answer: inout [UInt8]) {
    // A pause ends a frame: what came before it was never finished.
    if time - lastInput > .milliseconds(100) { input.removeAll() }
    lastInput = time
    input += bytes
    while input.count >= ModbusRequest.frameLength {
      let frame = Array(input[..<ModbusRequest.frameLength])
      guard let request = ModbusRequest(frame: frame.span) else {
        input.removeFirst()
        continue
      }
      input.removeFirst(ModbusRequest.frameLength)
      reply(to: request, at: time, answer: &answer)
    }
  }

  private mutating func reply(to request: ModbusRequest, at time: MonotonicTime, answer: inout [UInt8]) {
    let device = points.first { $0.register.unit == request.unit }
    guard device != nil || switched.contains(request.unit), device?.isSilent != true else { return }
    if let code = device?.exception, code > 0 {
      request.encodeException(ModbusException(rawValue: code), into: &answer)
      return
    }
    let first = Int(request.address)
    if let value = request.written {
      written[Place(unit: request.unit, holdsBits: request.table.holdsBits, address: first)] = value
      request.encode(into: &answer)
    } else if request.table.holdsBits {
      let bits = (first..<first + request.quantity).map { bit(request.unit, request.table, $0) }
      request.encodeAnswer(bits, into: &answer)
    } else {
      let words = (first..<first + request.quantity).map { word(request.unit, request.table, $0, at: time) }
      request.encodeAnswer(words, into: &answer)
    }
    if device?.isGarbled == true { answer[answer.count - 1] ^= 0x55 }
  }

  private func bit(_ unit: UInt8, _ table: ModbusTable, _ address: Int) -> Bool {
    for point in points where point.register.unit == unit && point.register.table == table {
      guard Int(point.register.address) == address, case .contact(let activeWhenSet) = point.register.meaning else {
        continue
      }
      return point.isWet == activeWhenSet
    }
    return table == .coil && written[Place(unit: unit, holdsBits: true, address: address), default: 0] != 0
  }

  private func word(_ unit: UInt8, _ table: ModbusTable, _ address: Int, at time: MonotonicTime) -> UInt16 {
    for point in points where point.register.unit == unit && point.register.table == table {
      let offset = address - Int(point.register.address)
      guard (0..<point.register.type.registerCount).contains(offset) else { continue }
      return point.register.encode(point.level.metres(at: time))[offset]
    }
    for identity in identities where identity.unit == unit && identity.table == table {
      let offset = address - Int(identity.address)
      guard (0..<identity.type.registerCount).contains(offset) else { continue }
      return Register.registers(of: identity.value, identity.type, identity.wordOrder)[offset]
    }
    return table == .holding ? written[Place(unit: unit, holdsBits: false, address: address), default: 0] : 0
  }

  public mutating func wake(at time: MonotonicTime, answer: inout [UInt8]) {
    // A Modbus device speaks only when it is asked.
  }

  public mutating func apply(_ setting: Scenario.Setting, to sensor: String, at time: MonotonicTime) {
    for index in points.indices where points[index].register.sensor == sensor {
      switch setting {
      case .level(let metres, let over): points[index].level.move(to: metres, over: over, from: time)
      case .wet(let wet): points[index].isWet = wet
      case .silent(let silent): points[index].isSilent = silent
      case .garbled(let garbled): points[index].isGarbled = garbled
      case .exception(let code): points[index].exception = code
      default: break
      }
    }
  }
}
