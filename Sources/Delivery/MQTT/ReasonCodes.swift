/// What the broker's reasons mean and what to do about them: MQTT 5 section 2.4, MQTT 3.1.1 sections 3.2.2.3 and 3.9.3.
extension BrokerProblem {
  /// The reason with which the broker answered CONNECT.
  package static func refused(reason: Int32) -> BrokerProblem {
    switch reason {
    case 4, 134:
      BrokerProblem(
        "login_refused",
        "the broker refuses the login: check mqtt.username and the password file, and the broker's users")
    case 5, 135, 140:
      BrokerProblem(
        "not_authorized", "the broker does not admit this client: check the login, the certificate and the broker's ACL"
      )
    case 1, 132:
      BrokerProblem("version_refused", "the broker does not speak this version of MQTT: the other version is tried")
    case 2, 133: BrokerProblem("refused", "the broker refuses the client id: check gateway.id and the broker's rules")
    case 3, 136, 137: BrokerProblem("busy", "the broker says that it is not available: check the broker's load")
    case 138: BrokerProblem("refused", "the broker has banned this client: ask the broker's administrator")
    case 144:
      BrokerProblem(
        "topic_invalid", "the broker refuses the topic of the status: check mqtt.root and the broker's rules")
    case 149: BrokerProblem("too_large", "the broker refuses a CONNECT of this size: raise its maximum packet size")
    case 151: BrokerProblem("quota", "the broker says that a quota is used up: raise the quota of this gateway there")
    case 154:
      BrokerProblem("refused", "the broker keeps no retained messages, which the status needs: allow them there")
    case 155: BrokerProblem("refused", "the broker does not take QoS 1, which nothing is lost with: allow it there")
    case 156, 157: BrokerProblem("moved_away", "the broker names another server: write that one in mqtt.host")
    case 159:
      BrokerProblem("busy", "the broker is asked to connect too often: see whether another client has the same id")
    default: BrokerProblem("refused", "the broker refuses the connection (reason \(reason)): see the broker's log")
    }
  }

  /// The reason with which the broker ended the connection.
  package static func dismissed(reason: Int32) -> BrokerProblem {
    switch reason {
    case 135:
      BrokerProblem("not_authorized", "the broker withdraws its admission: check the login and the broker's ACL")
    case 137, 151: BrokerProblem("busy", "the broker says that it is too busy or a quota is used up: check its load")
    case 139: BrokerProblem("lost", "the broker shuts down")
    case 141: BrokerProblem("lost", "the broker heard no sign of life: check the line")
    case 142:
      BrokerProblem(
        "taken_over",
        "another client took over with the same id: give every gateway an id of its own, and if none was given twice,"
          + " find out who uses this gateway's login")
    case 143, 144:
      BrokerProblem("topic_invalid", "the broker ended the connection over a topic: check mqtt.root and its rules")
    case 147: BrokerProblem("lost", "the broker was sent more than it takes at once: raise its receive maximum")
    case 148: BrokerProblem("alias", "the broker does not know a topic's alias: topics are written out from now on")
    case 149: BrokerProblem("too_large", "a message was longer than the broker takes: raise its maximum packet size")
    case 150: BrokerProblem("busy", "the broker was sent too much in too short a time: raise its limit of rate")
    case 152: BrokerProblem("dismissed", "the broker's administrator ended the connection: ask there")
    case 156, 157: BrokerProblem("moved_away", "the broker names another server: write that one in mqtt.host")
    case 159:
      BrokerProblem("busy", "the broker is asked to connect too often: see whether another client has the same id")
    case 160: BrokerProblem("lost", "the broker ends connections after a time")
    default: BrokerProblem("lost", "the broker ended the connection (reason \(reason)): see the broker's log")
    }
  }

  /// The reason with which the broker refused a message.
  package static func unpublished(reason: Int32) -> BrokerProblem {
    switch reason {
    case 135:
      BrokerProblem(
        "not_authorized",
        "not authorized: compare the broker's ACL for this gateway with the output of 'mimamori-gateway acl'")
    case 144: BrokerProblem("topic_invalid", "topic name invalid: check mqtt.root and the broker's rules for topics")
    case 149: BrokerProblem("too_large", "packet too large: raise the broker's limit of size")
    case 151: BrokerProblem("quota", "quota exceeded: raise the broker's quota for this gateway")
    case 153: BrokerProblem("unfit", "payload format invalid: see what the broker checks in payloads")
    case 154: BrokerProblem("unfit", "retained messages not supported: allow them at the broker")
    default: BrokerProblem("refused", "reason \(reason): see the broker's log")
    }
  }

  /// The reason with which the broker refused a subscription.
  package static func unsubscribed(reason: Int32) -> BrokerProblem {
    switch reason {
    case 128, 135:
      BrokerProblem(
        "not_authorized",
        "not authorized: compare the broker's ACL for this gateway with the output of 'mimamori-gateway acl'")
    case 143: BrokerProblem("topic_invalid", "topic filter invalid: check mqtt.root and the broker's rules for topics")
    case 151: BrokerProblem("quota", "quota exceeded: raise the broker's quota for this gateway")
    default: BrokerProblem("refused", "reason \(reason): see the broker's log")
    }
  }

  /// Whether only another configuration of the broker, or another connection, can mend it.
  package var isLasting: Bool { ["too_large", "topic_invalid", "unfit"].contains(word) }
}
