import Alerts
public import Observations

/// `[mqtt]`: the broker.
public struct BrokerSettings: Sendable, Hashable {
  /// The protocol that is tried first.
  public enum Version: String, Sendable, CaseIterable {
    case five = "5"
    case threeOneOne = "3.1.1"
  }

  /// `[mqtt.tls]`: certificates, or a shared key.
  public struct TLS: Sendable, Hashable {
    /// The oldest version that is spoken.
    public enum MinimumVersion: String, Sendable, CaseIterable {
      case oneTwo = "1.2"
      case oneThree = "1.3"
    }

    /// A key that the broker has too.
    public struct SharedKey: Sendable, Hashable {
      /// 1 to 127 bytes.
      public let identity: String
      public let file: FileReference
    }

    /// The certificates that are trusted, PEM; nil with a shared key.
    public let ca: FileReference?
    /// The gateway's own certificate and key, PEM; both or none.
    public let certificate: FileReference?
    public let key: FileReference?
    public let sharedKey: SharedKey?
    public let minimumVersion: MinimumVersion
  }

  /// A broker's address and what proves this gateway there.
  public struct Endpoint: Sendable, Hashable {
    public let host: String
    /// 1 to 65535.
    public let port: Int
    public let version: Version
    public let username: String?
    public let passwordFile: FileReference?
    public let tls: TLS?
  }

  /// The broker that is used whenever it answers.
  public let first: Endpoint
  /// `[mqtt.fallback]`: the broker that is used while the first does not answer.
  public let fallback: Endpoint?
  /// How often the first is tried while the fallback is used: 1 s to 1 h, give or take a fifth.
  public let returnEvery: TimeSpan
  /// The first levels of all topics about hazards and machines; no slash at either end.
  public let root: String
  /// The first levels of all topics about persons; neither under `root` nor above it.
  public let watchRoot: String
  /// Between signs of life: whole seconds, 5 s to 1 h.
  public let keepAlive: TimeSpan
  /// Passwords and alerts may go over a network in the clear.
  public let isInsecureAllowed: Bool

  public var host: String { first.host }
  public var port: Int { first.port }
  public var version: Version { first.version }
  public var username: String? { first.username }
  public var passwordFile: FileReference? { first.passwordFile }
  public var tls: TLS? { first.tls }
}

extension BrokerSettings {
  /// The certificates whose ends are watched, and their files.
  var certificates: [(certificate: BoardCertificate, file: FileReference)] {
    let named: [(BoardCertificate, FileReference?)] = [
      (.own, first.tls?.certificate), (.authority, first.tls?.ca), (.fallbackOwn, fallback?.tls?.certificate),
      (.fallbackAuthority, fallback?.tls?.ca),
    ]
    var seen: Set<String> = []
    return named.compactMap { certificate, file in
      guard let file, seen.insert(file.path).inserted else { return nil }
      return (certificate, file)
    }
  }
}
