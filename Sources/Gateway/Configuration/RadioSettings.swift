public import Observations
public import SensorDrivers

/// A Bluetooth controller that listens for tags.
public struct BeaconReceiverSettings: Sendable, Hashable {
  /// How the gateway reaches it.
  public enum Attachment: Sendable, Hashable {
    /// HCI over UART (H4).
    case serial(PortID)
    /// A controller of the board by its number: 0 for `hci0`.
    case controller(UInt16)
  }

  public let attachment: Attachment
  /// Hearing nothing at all for this long is a fault, whatever the controller answers.
  public let quietAfter: TimeSpan

  /// The serial port, if it is on one.
  public var port: PortID? {
    if case .serial(let port) = attachment { port } else { nil }
  }

  /// What health and recordings call the board's controller, if it is one.
  public var controllerPort: PortID? { controller.map { PortID("hci\($0)") } }

  /// The number of the board's controller, if it is one.
  public var controller: UInt16? {
    if case .controller(let number) = attachment { number } else { nil }
  }
}

/// A flood contact whose silence means water: a tag that a receiver hears as long as it is dry.
public struct RadioContactSettings: Sendable, Hashable {
  /// The `[[sensor]]` with the driver `hci` that hears it.
  public let receiver: SensorID
  public let contact: RadioContact
}

extension GatewayConfiguration {
  /// The radio contacts that `receiver` hears.
  public func radioContacts(of receiver: SensorID) -> [RadioContact] {
    sensors.compactMap { sensor in
      guard case .radioContact(let settings) = sensor.driver, settings.receiver == receiver else { return nil }
      return settings.contact
    }
  }
}
