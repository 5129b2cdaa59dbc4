/// Why a device did not do what it was asked: an answer, not an error of the line
/// ("MODBUS Application Protocol" V1.1b3, 7).
public struct ModbusException: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  /// How many bytes the answer takes on the wire.
  public static let frameLength = 5

  public let rawValue: UInt8

  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  public static let illegalFunction = ModbusException(rawValue: 0x01)
  public static let illegalDataAddress = ModbusException(rawValue: 0x02)
  public static let illegalDataValue = ModbusException(rawValue: 0x03)
  public static let deviceFailure = ModbusException(rawValue: 0x04)
  public static let acknowledge = ModbusException(rawValue: 0x05)
  public static let deviceBusy = ModbusException(rawValue: 0x06)
  public static let memoryParityError = ModbusException(rawValue: 0x08)
  public static let gatewayPathUnavailable = ModbusException(rawValue: 0x0A)
  public static let gatewayTargetFailedToRespond = ModbusException(rawValue: 0x0B)

  /// The specification's name in lower case, or the number of a code that it does not know.
  public var description: String {
    switch self {
    case .illegalFunction: "illegal function"
    case .illegalDataAddress: "illegal data address"
    case .illegalDataValue: "illegal data value"
    case .deviceFailure: "device failure"
    case .acknowledge: "acknowledge"
    case .deviceBusy: "device busy"
    case .memoryParityError: "memory parity error"
    case .gatewayPathUnavailable: "gateway path unavailable"
    case .gatewayTargetFailedToRespond: "gateway target device failed to respond"
    default: "exception \(rawValue)"
    }
  }
}

extension ModbusException {
  /// Whether the request itself may be at fault, so that a smaller one can be answered: it asks for what the device does
  /// not have, or for more than it can send at once.
  var blamesRequest: Bool {
    self == .illegalFunction || self == .illegalDataAddress || self == .illegalDataValue || self == .deviceFailure
  }
}
