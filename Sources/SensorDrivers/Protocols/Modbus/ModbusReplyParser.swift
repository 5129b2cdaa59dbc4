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
    /// Why the device did not do what was asked; nil if it did.
    public let exception: ModbusException?
    /// How many bytes before the frame belonged to none.
    public let skipped: Int
  }

  /// The longest answer: 125 registers, or 2000 bits, which take as much.
  private static let maximumFrameLength = 5 + 2 * ModbusRequest.maximumQuantity
  private static let capacity = 2 * maximumFrameLength

  private var bytes: [UInt8] = []
  private var expected: [ModbusRequest] = []
  /// Where the data of the last match begin and end, until the next byte.
  private var matchedData: Range<Int>?

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
    matchedData = nil
    unmatchedCount = 0
  }

  /// Takes one byte. Returns the answer that ends with it, if one does.
  public mutating func feed(_ byte: UInt8) -> Match? {
    if matchedData != nil {
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
    let length = request.answerLength
    let start = bytes.count - length
    if let written = request.written {
      if endsFrame(length: length, request.unit, request.function), endsWith(written, at: request.address, from: start)
      {
        return take(request, exception: nil, length: length, data: 0..<0)
      }
    } else if endsFrame(length: length, request.unit, request.function), bytes[start + 2] == request.dataByteCount {
      return take(request, exception: nil, length: length, data: start + 3..<bytes.count - 2)
    }
    if endsFrame(length: ModbusException.frameLength, request.unit, request.function | 0x80) {
      let code = ModbusException(rawValue: bytes[bytes.count - 3])
      return take(request, exception: code, length: ModbusException.frameLength, data: 0..<0)
    }
    return nil
  }

  private func endsFrame(length: Int, _ unit: UInt8, _ function: UInt8) -> Bool {
    let start = bytes.count - length
    guard start >= 0, bytes[start] == unit, bytes[start + 1] == function else { return false }
    return ModbusChecksum.isValid(bytes.span.extracting(start..<bytes.count))
  }

  private func endsWith(_ written: UInt16, at address: UInt16, from start: Int) -> Bool {
    word(at: start + 2) == address && word(at: start + 4) == written
  }

  private func word(at index: Int) -> UInt16 {
    UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1])
  }

  private mutating func take(
    _ request: ModbusRequest, exception: ModbusException?, length: Int, data: Range<Int>
  ) -> Match {
    let skipped = unmatchedCount - length
    unmatchedCount = 0
    matchedData = data
    return Match(request: request, exception: exception, skipped: skipped)
  }
}

// MARK: - What the answer says

extension ModbusReplyParser {
  /// How many registers the answer that was just found holds: none after an exception, and none as soon as another byte is
  /// taken.
  public var registerCount: Int { (matchedData?.count ?? 0) / 2 }

  /// One register of the answer that was just found, from 0 to below `registerCount`.
  public func register(_ index: Int) -> UInt16 {
    precondition(index >= 0 && index < registerCount, "The answer has \(registerCount) registers")
    return word(at: (matchedData?.lowerBound ?? 0) + 2 * index)
  }

  /// The number that the registers of the answer hold from `first` on; nil if they are too few for its type.
  public func number(_ type: ModbusNumberType, order: ModbusWordOrder, at first: Int = 0) -> Double? {
    guard let data = matchedData, first >= 0, data.count >= 2 * (first + type.registerCount) else { return nil }
    let start = data.lowerBound + 2 * first
    return type.decode(bytes.span.extracting(start..<start + 2 * type.registerCount), order: order)
  }

  /// One bit of the answer that was just found, counted from the lowest of its first byte; nil if it has not so many.
  public func bit(_ index: Int) -> Bool? {
    guard let data = matchedData, index >= 0, index / 8 < data.count else { return nil }
    return bytes[data.lowerBound + index / 8] >> UInt8(index % 8) & 1 == 1
  }
}
