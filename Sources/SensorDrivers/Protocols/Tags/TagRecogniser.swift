public import Observations

/// What an advertisement says of the tag that sent it.
public struct TagAdvertisement: Sendable, Hashable {
  /// Who the tag says that it is. Nothing proves it: no format with a fixed identifier protects against copies.
  public let tag: TagIdentifier
  /// The signal strength in dBm that the maker measured at 1 m, where the format carries it.
  public let powerAtOneMetre: Int8?
  /// What is left in the battery in percent, where the same advertisement says so.
  public let battery: UInt8?
  /// Whether the button is pressed, where the format has one.
  public let isButtonPressed: Bool?

  public init(
    tag: TagIdentifier, powerAtOneMetre: Int8?, battery: UInt8? = nil, isButtonPressed: Bool? = nil
  ) {
    self.tag = tag
    self.powerAtOneMetre = powerAtOneMetre
    self.battery = battery
    self.isButtonPressed = isButtonPressed
  }
}

/// Knows one format of tags' advertisements.
protocol TagRecogniser {
  /// What a structure with this content says; nil for every other format. Never traps, whatever the bytes.
  static func recognise(_ content: Span<UInt8>) -> TagAdvertisement?
}

/// Structure types that carry tags.
enum AdvertisingStructureType {
  static let serviceData: UInt8 = 0x16
  static let manufacturerData: UInt8 = 0xFF
}

/// Finds the tag in advertising data: the place where a new format is added.
public struct TagRecognition: Sendable, Hashable {
  /// What was found in an advertisement.
  public enum Finding: Sendable, Hashable {
    case tag(TagAdvertisement)
    /// How it is with a tag that other advertisements from the same address name.
    case telemetry(EddystoneTLM)
  }

  /// The formats of the configuration; they are asked before the known ones, in their order.
  public let rules: [RawTagRule]
  /// A rule that goes by the radio address alone; the last to be asked.
  private let addressRule: RawTagRule?

  public init(rules: [RawTagRule] = []) {
    self.rules = rules
    addressRule = rules.first { $0.carrier == .anything }
  }

  /// The first tag; without one, telemetry; nil when there is neither. Never traps, whatever the bytes.
  ///
  /// What counts is the structure that carries the identifier. The list of services beside it is not asked: a tag whose
  /// list names another service than its data is a sloppy tag, and refusing it would lose a child and stop no forger.
  public func find(in data: Span<UInt8>, from advertiser: Advertiser? = nil) -> Finding? {
    var telemetry: EddystoneTLM?
    var structures = AdvertisingStructureCursor()
    while let structure = structures.next(in: data) {
      guard
        structure.type == AdvertisingStructureType.manufacturerData
          || structure.type == AdvertisingStructureType.serviceData
      else { continue }
      let content = data.extracting(structure.content)
      for rule in rules {
        if let found = rule.recognise(type: structure.type, content: content, from: advertiser) { return .tag(found) }
      }
      if structure.type == AdvertisingStructureType.manufacturerData {
        if let found = IBeacon.recognise(content) ?? AltBeacon.recognise(content) { return .tag(found) }
      } else if let found = EddystoneUID.recognise(content) ?? EddystoneEID.recognise(content)
        ?? LineSimpleBeacon.recognise(content)
      {
        return .tag(found)
      } else if let found = EddystoneTLM(content) {
        telemetry = found
      }
    }
    if let telemetry { return .telemetry(telemetry) }
    guard let addressRule, let advertiser, advertiser.isResolvable else { return nil }
    return advertiser.identifier(of: addressRule.format).map {
      .tag(TagAdvertisement(tag: $0, powerAtOneMetre: nil))
    }
  }
}
