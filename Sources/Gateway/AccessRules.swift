import Alerts
import Observations

/// What one gateway may do at the broker, as an access control list of mosquitto.
public enum AccessRules {
  /// The list for the gateway of `configuration`, for each account that it has at its brokers, and the line that a
  /// family's account needs beside it.
  public static func text(for configuration: GatewayConfiguration) -> String {
    let gateway = configuration.gateway.id
    let first = account(at: configuration.mqtt.first, of: gateway)
    let fallback = configuration.mqtt.fallback.map { account(at: $0, of: gateway) } ?? first
    let rules = rules(for: configuration)
    var lines = ["# What the gateway \(gateway) may do at the broker (mosquitto's acl_file).", "user \(first)"] + rules
    if fallback != first {
      lines += ["", "# The same at mqtt.fallback, where it has another account.", "user \(fallback)"] + rules
    }
    lines += [
      "",
      "# A family's account reads the notices of its own person and nothing else:",
      "#   user FAMILY",
      "#   topic read \(configuration.mqtt.watchRoot)/SUBJECT/#",
    ]
    return lines.joined(separator: "\n")
  }

  /// What a broker calls the gateway: the login's name, or that of the shared key. A certificate's common name should be
  /// the gateway's id.
  private static func account(at broker: BrokerSettings.Endpoint, of gateway: String) -> String {
    broker.username ?? broker.tls?.sharedKey?.identity ?? gateway
  }

  private static func rules(for configuration: GatewayConfiguration) -> [String] {
    let gateway = configuration.gateway.id
    let root = configuration.mqtt.root
    let watchRoot = configuration.mqtt.watchRoot
    var lines = [
      "# Hazards, state and health of this gateway alone.",
      "topic write \(root)/\(gateway)/#",
      "# Notices about persons: written, never read.",
      "topic write \(watchRoot)/+/\(gateway)",
      "topic write \(watchRoot)/+/\(gateway)/head",
      "# Commands, and where they are answered.",
      "topic read \(root)/\(gateway)/command",
      "topic write \(root)/reply/#",
    ]
    lines += configuration.groups.map { "topic read \(root)/group/\($0)/command" }
    if let group = configuration.watchlist?.group {
      lines += [
        "# The group's watch list.",
        "topic read \(root)/watchlist/\(group)",
        "topic read \(root)/watchlist/\(group)/#",
      ]
    }
    if configuration.fiware != nil {
      lines.append("# Measures for the IoT Agent. The + stands for its API key, which is told nowhere but in its file.")
      lines += configuration.sensors.filter { $0.plan.quantity != .position }.map {
        "topic write /json/+/\(gateway)_\($0.id)/attrs"
      }
      if !configuration.authorities.isEmpty {
        lines += [
          "# Commands by way of the IoT Agent, and their results.",
          "topic read /+/\(gateway)/cmd",
          "topic write /json/+/\(gateway)/cmdexe",
        ]
      }
    }
    return lines
  }
}
