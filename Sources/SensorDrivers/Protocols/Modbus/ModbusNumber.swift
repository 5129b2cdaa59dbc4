/// How a number lies in a device's registers.
public enum ModbusNumberType: String, Sendable, Hashable, CaseIterable {
  case int16, uint16, int32, uint32, float32

  /// How many registers of 16 bits it takes: 1 or 2.
  public var registerCount: Int {
    switch self {
    case .int16, .uint16: 1
    case .int32, .uint32, .float32: 2
    }
  }
}

/// The order in which the bytes of a number are sent: A is the highest of four. The specification leaves it to the device.
///
/// Of a 16-bit number `badc` and `dcba` exchange the two bytes; `abcd` and `cdab` leave them.
public enum ModbusWordOrder: String, Sendable, Hashable, CaseIterable {
  case abcd = "ABCD"
  case cdab = "CDAB"
  case badc = "BADC"
  case dcba = "DCBA"

  private var exchangesBytes: Bool { self == .badc || self == .dcba }
  private var exchangesWords: Bool { self == .cdab || self == .dcba }

  /// The number's bits, from one or two registers as they came; nil for any other count of bytes.
  fileprivate func bits(_ bytes: Span<UInt8>) -> UInt32? {
    func word(_ index: Int) -> UInt32 {
      let register = UInt32(bytes[2 * index]) << 8 | UInt32(bytes[2 * index + 1])
      return exchangesBytes ? (register >> 8 | register << 8) & 0xFFFF : register
    }
    switch bytes.count {
    case 2: return word(0)
    case 4: return exchangesWords ? word(1) << 16 | word(0) : word(0) << 16 | word(1)
    default: return nil
    }
  }
}

extension ModbusNumberType {
  /// The number that `bytes` hold, two for each register; nil if there are not as many as the type takes. A `float32` can
  /// be infinite or no number at all.
  public func decode(_ bytes: Span<UInt8>, order: ModbusWordOrder) -> Double? {
    guard bytes.count == 2 * registerCount, let bits = order.bits(bytes) else { return nil }
    switch self {
    case .int16: return Double(Int16(truncatingIfNeeded: bits))
    case .uint16: return Double(bits)
    case .int32: return Double(Int32(truncatingIfNeeded: bits))
    case .uint32: return Double(bits)
    case .float32: return Double(Float(bitPattern: bits))
    }
  }
}
