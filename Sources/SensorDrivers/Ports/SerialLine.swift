/// The settings of a serial line: speed and frame.
public struct SerialLine: Sendable, Hashable {
  public enum Parity: String, Sendable, CaseIterable {
    case none = "N"
    case even = "E"
    case odd = "O"
  }

  /// Bits a second, such as 9600.
  public let baud: Int
  /// 7 or 8.
  public let dataBits: Int
  public let parity: Parity
  /// 1 or 2.
  public let stopBits: Int
  /// Seven bits and a parity bit are put into bytes of eight by this program, for a port that cannot make them.
  public let makesParityInSoftware: Bool

  public init(
    baud: Int, dataBits: Int = 8, parity: Parity = .none, stopBits: Int = 1, makesParityInSoftware: Bool = false
  ) {
    self.makesParityInSoftware = makesParityInSoftware && dataBits == 7 && parity != .none
    self.baud = baud
    self.dataBits = dataBits
    self.parity = parity
    self.stopBits = stopBits
  }

  /// How long one character takes on the wire, in nanoseconds: start, data, parity and stop bits.
  public var characterNanoseconds: Int64 {
    let bits = 1 + dataBits + (parity == .none ? 0 : 1) + stopBits
    return Int64(bits) * 1_000_000_000 / Int64(baud)
  }
}
