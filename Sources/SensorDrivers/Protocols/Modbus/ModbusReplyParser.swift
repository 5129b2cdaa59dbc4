/// Finds the answers to known requests in a stream of bytes, whatever noise lies before, between or behind them.
///
/// The silences that frame an RTU message cannot be seen from a program, so a frame is known by its shape alone: for each
/// unit the parser knows the newest request, hence the address, function, byte count and length of its answer, and an
/// exception's. After each byte it looks whether such a frame with a right checksum ends there. So the result does not
/// depend on how the bytes were split, and a false beginning in noise never hides a true frame behind it.
public struct ModbusReplyParser: Sendable {
  /// An answer that was found.
  public struct Match: Sendable, Hashable {
    /// The request that it fits: the newest one to its unit.
    public let request: ModbusRequest
    /// Why the device did not answer with registers; nil if it did.
    public let exception: ModbusException?
    /// How many bytes before the frame belonged to none.
    public let skipped: Int
  }

  /// The longest answer: 125 registers.
  private static let maximumFrameLength = 5 + 2 * ModbusRequest.maximumQuantity
  private static let capacity = 2 * maximumFrameLength

  private var bytes: [UInt8] = []
  private var expected: [ModbusRequest] = []
  /// Where the registers of the last match begin, until the next byte.
  private var matchedRegisters: Range<Int>?

  /// How many bytes have come since the last frame, or since `discard`, that belong to no frame.
  public private(set) var unmatchedCount = 0

  public init() {
    bytes.reserveCapacity(Self.capacity)
  }

  /// From now on the answer to `request` is what is expected of its unit.
  public mutating func expect(_ request: ModbusRequest) {
    if let index = expected.firstIndex(where: { $0.unit == request.unit }) {
      expected[index] = request
    } else {
      expected.append(request)
    }
  }

  /// Forgets all bytes, not the requests.
  public mutating func discard() {
    bytes.removeAll(keepingCapacity: true)
    matchedRegisters = nil
    unmatchedCount = 0
  }

  /// Takes one byte. Returns the answer that ends with it, if one does.
  public mutating func feed(_ byte: UInt8) -> Match? {
    if matchedRegisters != nil {
      discard()
    } else if bytes.count == Self.capacity {
      bytes.removeFirst(Self.capacity - Self.maximumFrameLength)
    }
    bytes.append(byte)
    unmatchedCount += 1
    for request in expected {
      if let match = match(for: request) { return match }
    }
    return nil
  }

  private mutating func match(for request: ModbusRequest) -> Match? {
    let function = request.table.function
    if endsFrame(length: request.answerLength, request.unit, function, UInt8(2 * request.quantity)) {
      let start = bytes.count - request.answerLength
      return take(request, exception: nil, length: request.answerLength, registers: start + 3..<bytes.count - 2)
    }
    if endsFrame(length: ModbusException.frameLength, request.unit, function | 0x80, nil) {
      let code = ModbusException(rawValue: bytes[bytes.count - 3])
      return take(request, exception: code, length: ModbusException.frameLength, registers: 0..<0)
    }
    return nil
  }

  private func endsFrame(length: Int, _ unit: UInt8, _ function: UInt8, _ byteCount: UInt8?) -> Bool {
    let start = bytes.count - length
    guard start >= 0, bytes[start] == unit, bytes[start + 1] == function else { return false }
    if let byteCount, bytes[start + 2] != byteCount { return false }
    return ModbusChecksum.isValid(bytes.span.extracting(start..<bytes.count))
  }

  private mutating func take(
    _ request: ModbusRequest, exception: ModbusException?, length: Int, registers: Range<Int>
  ) -> Match {
    let skipped = unmatchedCount - length
    unmatchedCount = 0
    matchedRegisters = registers
    return Match(request: request, exception: exception, skipped: skipped)
  }

  /// How many registers the answer that was just found holds: none after an exception, and none as soon as another byte is
  /// taken.
  public var registerCount: Int { (matchedRegisters?.count ?? 0) / 2 }

  /// One register of the answer that was just found, from 0 to below `registerCount`.
  public func register(_ index: Int) -> UInt16 {
    precondition(index >= 0 && index < registerCount, "The answer has \(registerCount) registers")
    let start = (matchedRegisters?.lowerBound ?? 0) + 2 * index
    return UInt16(bytes[start]) << 8 | UInt16(bytes[start + 1])
  }

  /// The number that the first registers of the answer hold; nil if they are too few for its type.
  public func number(_ type: ModbusNumberType, order: ModbusWordOrder) -> Double? {
    let count = 2 * type.registerCount
    guard let range = matchedRegisters, range.count >= count else { return nil }
    return type.decode(bytes.span.extracting(range.lowerBound..<range.lowerBound + count), order: order)
  }
}
