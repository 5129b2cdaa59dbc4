public import Observations
public import SensorDrivers

/// The Modbus RTU devices of one line, each register holding the level that the scenario last set.
public struct SimulatedModbusUnits: SimulatedDevice {
  /// One value in the registers of one device, and how it lies there.
  public struct Register: Sendable, Hashable {
    public var sensor: String
    public var unit: UInt8
    public var table: ModbusTable
    public var address: UInt16
    public var type: ModbusNumberType
    public var wordOrder: ModbusWordOrder
    /// Value = raw × scale + offset.
    public var scale: Double
    public var offset: Double

    public init(
      sensor: String, unit: UInt8, table: ModbusTable, address: UInt16, type: ModbusNumberType,
      wordOrder: ModbusWordOrder, scale: Double, offset: Double
    ) {
      self.sensor = sensor
      self.unit = unit
      self.table = table
      self.address = address
      self.type = type
      self.wordOrder = wordOrder
      self.scale = scale
      self.offset = offset
    }

    /// The registers that hold `value`.
    func encode(_ value: Double) -> [UInt16] {
      let raw = (value - offset) / scale
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
    var isSilent = false
    var isGarbled = false
    var exception: UInt8 = 0
  }

  private var points: [Point]
  private var input: [UInt8] = []
  private var lastInput = MonotonicTime(nanoseconds: 0)

  public init(registers: [Register]) {
    points = registers.map { Point(register: $0, level: SimulatedLevel(metres: 0)) }
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

  private func reply(to request: ModbusRequest, at time: MonotonicTime, answer: inout [UInt8]) {
    guard let device = points.first(where: { $0.register.unit == request.unit }), !device.isSilent else { return }
    if device.exception > 0 {
      request.encodeException(ModbusException(rawValue: device.exception), into: &answer)
      return
    }
    var words: [UInt16] = []
    for address in Int(request.address)..<Int(request.address) + request.quantity {
      words.append(word(unit: request.unit, table: request.table, address: address, at: time))
    }
    request.encodeAnswer(words, into: &answer)
    if device.isGarbled { answer[answer.count - 1] ^= 0x55 }
  }

  private func word(unit: UInt8, table: ModbusTable, address: Int, at time: MonotonicTime) -> UInt16 {
    for point in points where point.register.unit == unit && point.register.table == table {
      let offset = address - Int(point.register.address)
      guard (0..<point.register.type.registerCount).contains(offset) else { continue }
      return point.register.encode(point.level.metres(at: time))[offset]
    }
    return 0
  }

  public mutating func wake(at time: MonotonicTime, answer: inout [UInt8]) {
    // A Modbus device speaks only when it is asked.
  }

  public mutating func apply(_ setting: Scenario.Setting, to sensor: String, at time: MonotonicTime) {
    for index in points.indices where points[index].register.sensor == sensor {
      switch setting {
      case .level(let metres, let over): points[index].level.move(to: metres, over: over, from: time)
      case .silent(let silent): points[index].isSilent = silent
      case .garbled(let garbled): points[index].isGarbled = garbled
      case .exception(let code): points[index].exception = code
      default: break
      }
    }
  }
}
