/// One structure of advertising data: its type (Bluetooth Assigned Numbers, 2.3) and where its content lies.
public struct AdvertisingStructure: Sendable, Hashable {
  /// 0x16 service data of a 16-bit service, 0xFF manufacturer specific data, and so on.
  public let type: UInt8
  /// Where the bytes behind the type lie in the advertising data.
  public let content: Range<Int>
}

/// Walks the structures of advertising data (Bluetooth Core, Vol 3, Part C, 11).
///
/// A length of zero ends the data early. A structure that runs past the end ends them too, and `isTruncated` says so;
/// the structures before it count all the same, because tags are in the field that send a stray byte behind them.
public struct AdvertisingStructureCursor: Sendable {
  private var offset = 0
  /// Whether the walk ended at a structure that is not wholly there.
  public private(set) var isTruncated = false

  public init() {}

  /// The next structure, in the same `data` from call to call.
  public mutating func next(in data: Span<UInt8>) -> AdvertisingStructure? {
    guard offset < data.count else { return nil }
    let length = Int(data[offset])
    guard length > 0 else {
      offset = data.count
      return nil
    }
    let end = offset + 1 + length
    guard end <= data.count else {
      offset = data.count
      isTruncated = true
      return nil
    }
    let structure = AdvertisingStructure(type: data[offset + 1], content: offset + 2..<end)
    offset = end
    return structure
  }
}
