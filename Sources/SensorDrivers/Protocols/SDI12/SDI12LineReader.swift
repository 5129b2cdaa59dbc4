/// Takes the bytes that come back after a command and finds the lines among them.
///
/// An answer is printable characters and ends with CR LF (SDI-12 specification 1.4, 4.4). What an adapter sends back of
/// the command itself is dropped, and so are control characters before the first printable one, which a line makes when
/// it is turned round. A byte of wrong parity is read as zero: within a line it spoils that line.
public struct SDI12LineReader: Sendable {
  /// More than the longest answer: an address, 75 characters of values, a checksum and the line end.
  public static let maximumLength = 96

  /// The line that `feed` has found, without its line end; empty if it was spoilt.
  public private(set) var line: [UInt8] = []
  /// How often a line was found behind bytes that belonged to none.
  public private(set) var resynchronisations: UInt64 = 0

  private var bytes: [UInt8] = []
  private var echo: [UInt8] = []
  private var isSpoilt = false
  private var hasSkipped = false

  public init() {
    bytes.reserveCapacity(Self.maximumLength)
    line.reserveCapacity(Self.maximumLength)
  }

  /// Whether bytes have come since the last line that are not the echo.
  public var isUnderWay: Bool { !bytes.isEmpty || isSpoilt }

  /// Begins anew: `command` was sent, and an adapter may send it back.
  public mutating func expect(echo command: Span<UInt8>) {
    clear()
    echo.removeAll(keepingCapacity: true)
    for index in command.indices { echo.append(command[index]) }
  }

  /// Takes one byte. Returns whether a line, good or spoilt, ends with it.
  public mutating func feed(_ byte: UInt8) -> Bool {
    if byte == UInt8(ascii: "\n") {
      guard isUnderWay else { return false }
      line.removeAll(keepingCapacity: true)
      if !isSpoilt, bytes.last == UInt8(ascii: "\r") {
        line.append(contentsOf: bytes.dropLast())
        if hasSkipped { resynchronisations += 1 }
      }
      clear()
      return true
    }
    // A checksum's characters go up to 7F (4.4.12.3).
    let isPrintable = (0x20...0x7F).contains(byte)
    if bytes.isEmpty, !isPrintable, !isSpoilt {
      hasSkipped = true
      return false
    }
    if !isPrintable, byte != UInt8(ascii: "\r") { isSpoilt = true }
    guard bytes.count < Self.maximumLength else {
      isSpoilt = true
      return false
    }
    bytes.append(byte)
    if !echo.isEmpty, bytes == echo {
      clear()
      echo.removeAll(keepingCapacity: true)
    }
    return false
  }

  private mutating func clear() {
    bytes.removeAll(keepingCapacity: true)
    isSpoilt = false
    hasSkipped = false
  }
}
