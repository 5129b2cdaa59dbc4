public import Observations

/// A tag that the configuration describes: whose data it is in, how those data begin, and where in them is what.
///
/// Positions are counted from the first byte behind the company's or service's number.
public struct RawTagRule: Sendable, Hashable {
  /// Which of an advertisement's structures is the tag's.
  public enum Carrier: Sendable, Hashable {
    /// Manufacturer specific data (type FF) of this company of the Bluetooth SIG's list.
    case company(UInt16)
    /// Service data (type 16) of this 16-bit service.
    case service(UInt16)
    /// None: the radio address alone tells the tag.
    case anything
  }

  /// What tells one tag of the format from another.
  public enum Identity: Sendable, Hashable {
    /// These bytes of the data, 1 to 20.
    case bytes(offset: Int, count: Int)
    /// The radio address. One that is resolvable becomes an identifier of the format `rpa`, whose key the gateway must
    /// have; any other is an identifier of this format.
    case address
  }

  /// A bit that tells whether the tag's button is pressed.
  public struct Button: Sendable, Hashable {
    public let offset: Int
    /// 0 is the lowest.
    public let bit: Int
    /// The bit's value while the button is pressed.
    public let isSetWhenPressed: Bool

    public init(offset: Int, bit: Int, isSetWhenPressed: Bool = true) {
      self.offset = offset
      self.bit = bit
      self.isSetWhenPressed = isSetWhenPressed
    }
  }

  /// Where the battery's state is.
  public struct Battery: Sendable, Hashable {
    /// How it is written.
    public enum Unit: String, Sendable, Hashable, CaseIterable {
      /// One byte, 0 to 100; anything above says that it is not known.
      case percent
      /// Two bytes, the higher first; 0 says that it is not known.
      case millivolts
      /// Two bytes, the lower first; 0 says that it is not known.
      case millivoltsLowFirst = "millivolts_low_first"
      /// One byte, tenths of a volt; 0 says that it is not known.
      case decivolts

      var byteCount: Int {
        switch self {
        case .percent, .decivolts: 1
        case .millivolts, .millivoltsLowFirst: 2
        }
      }
    }

    public let offset: Int
    public let unit: Unit

    public init(offset: Int, unit: Unit) {
      self.offset = offset
      self.unit = unit
    }
  }

  /// Its name is hashed with the identifier.
  public let format: TagFormat
  public let carrier: Carrier
  /// The first bytes must be these, …
  public let match: [UInt8]
  /// … where the bits of this are set; as many bytes as `match`.
  public let mask: [UInt8]
  public let identity: Identity
  public let button: Button?
  public let battery: Battery?

  public init(
    format: TagFormat, carrier: Carrier, match: [UInt8] = [], mask: [UInt8]? = nil, identity: Identity,
    button: Button? = nil, battery: Battery? = nil
  ) {
    self.format = format
    self.carrier = carrier
    self.match = match
    self.mask =
      Array((mask ?? []).prefix(match.count)) + Array(repeating: 0xFF, count: max(0, match.count - (mask?.count ?? 0)))
    self.identity = identity
    self.button = button
    self.battery = battery
  }
}

/// Who sent an advertisement, by its radio address. Lives no longer than the report that it is taken from.
public struct Advertiser: Sendable, Hashable {
  /// 0 public, 1 random.
  public let addressType: UInt8
  /// 48 bits, as people write it.
  public let address: UInt64

  public init(addressType: UInt8, address: UInt64) {
    self.addressType = addressType
    self.address = address
  }

  /// Whether the address is a resolvable private one: random, and its two highest bits are 01.
  public var isResolvable: Bool { addressType == 1 && address >> 46 == 0b01 }

  func identifier(of format: TagFormat) -> TagIdentifier? {
    let bytes: InlineArray<6, UInt8> = InlineArray { UInt8(truncatingIfNeeded: address >> UInt64(40 - 8 * $0)) }
    return TagIdentifier(format: isResolvable ? .resolvableAddress : format, bytes: bytes.span)
  }
}

extension RawTagRule {
  /// What the structure of `type` with this content says; nil when it is not of this format.
  func recognise(type: UInt8, content: Span<UInt8>, from advertiser: Advertiser?) -> TagAdvertisement? {
    let number: UInt16
    switch (carrier, type) {
    case (.company(let company), AdvertisingStructureType.manufacturerData): number = company
    case (.service(let service), AdvertisingStructureType.serviceData): number = service
    default: return nil
    }
    guard content.count >= 2, UInt16(content[0]) | UInt16(content[1]) << 8 == number else { return nil }
    let data = content.extracting(2..<content.count)
    guard data.count >= match.count else { return nil }
    for index in match.indices where (data[index] ^ match[index]) & mask[index] != 0 { return nil }
    return tag(data, advertiser).map { tag in
      TagAdvertisement(
        tag: tag, powerAtOneMetre: nil, battery: batteryPercent(data), isButtonPressed: buttonState(data))
    }
  }

  private func tag(_ data: Span<UInt8>, _ advertiser: Advertiser?) -> TagIdentifier? {
    switch identity {
    case .address:
      return advertiser?.identifier(of: format)
    case .bytes(let offset, let count):
      guard offset >= 0, count > 0, offset <= data.count, count <= data.count - offset else { return nil }
      return TagIdentifier(format: format, bytes: data.extracting(offset..<offset + count))
    }
  }

  private func buttonState(_ data: Span<UInt8>) -> Bool? {
    guard let button, data.indices.contains(button.offset) else { return nil }
    return (data[button.offset] >> UInt8(button.bit & 7) & 1 == 1) == button.isSetWhenPressed
  }

  private func batteryPercent(_ data: Span<UInt8>) -> UInt8? {
    guard let battery, battery.offset >= 0, battery.offset <= data.count - battery.unit.byteCount else { return nil }
    let first = Int(data[battery.offset])
    let second = battery.unit.byteCount == 2 ? Int(data[battery.offset + 1]) : 0
    let millivolts: Int
    switch battery.unit {
    case .percent: return first <= 100 ? UInt8(first) : nil
    case .millivolts: millivolts = first << 8 | second
    case .millivoltsLowFirst: millivolts = second << 8 | first
    case .decivolts: millivolts = first * 100
    }
    return millivolts == 0 ? nil : CoinCell.percent(millivolts: millivolts)
  }
}
