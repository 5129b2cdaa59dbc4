import Alerts
public import Delivery
public import Observations

/// Observations as open data: CSV (RFC 4180, with line feeds) in UTF-8 with one header, times in ISO 8601 with the zone's
/// offset, and the municipality's six-digit code in every row.
public struct OpenDataTable {
  /// The columns.
  public static let header =
    "time,municipality_code,gateway,sensor,name,latitude,longitude,quantity,value,unit,state,tips,fault,clock"

  private let configuration: GatewayConfiguration
  private let zone: TimeZoneOffsets

  public init(_ configuration: GatewayConfiguration, zone: TimeZoneOffsets) {
    self.configuration = configuration
    self.zone = zone
  }

  /// One observation. Of a sensor that is configured no more, name and place stay empty.
  public func row(_ record: ObservationRecord) -> String {
    let plan = configuration.sensors.first { $0.id.text == record.sensor }?.plan
    let quantity = Quantity(rawValue: record.quantity)
    let position = plan.map { $0.position ?? configuration.gateway.position }
    let isContact = quantity?.isContact == true
    let states = quantity == .floodContact ? (active: "wet", other: "dry") : (active: "active", other: "inactive")
    let value = isContact ? nil : record.thousandths.map { Measure(thousandths: $0).description }
    let state = isContact ? record.thousandths.map { $0 > 0 ? states.active : states.other } : nil
    let cells: [String?] = [
      WallTime(milliseconds: record.wallMilliseconds).rfc3339(in: zone), configuration.gateway.municipality,
      configuration.gateway.id, record.sensor, plan?.name, position.map { Self.degrees($0.latitude) },
      position.map { Self.degrees($0.longitude) }, record.quantity, value, quantity?.unit, state,
      record.count.map { String($0) }, record.fault, record.clock,
    ]
    return cells.map { Self.cell($0 ?? "") }.joined(separator: ",")
  }

  /// Quoted where it must be.
  static func cell(_ text: String) -> String {
    let mustBeQuoted = text.utf8.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 < 0x20 }
    guard mustBeQuoted else { return text }
    return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  /// Seven decimals at most: about a centimetre.
  private static func degrees(_ value: Double) -> String {
    let scaled = Int64((value * 1e7).rounded(.toNearestOrAwayFromZero))
    let digits = String(scaled.magnitude % 10_000_000)
    var fraction = String(repeating: "0", count: 7 - digits.utf8.count) + digits
    while fraction.utf8.count > 1, fraction.utf8.last == UInt8(ascii: "0") { fraction.removeLast() }
    return "\(scaled < 0 ? "-" : "")\(scaled.magnitude / 10_000_000).\(fraction)"
  }
}
