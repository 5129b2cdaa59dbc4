/// Where and how messages are kept and sent.
public struct DeliverySettings: Sendable, Hashable {
  /// The wire's version that the broker is first spoken to in.
  public enum ProtocolVersion: String, Sendable, Hashable, CaseIterable {
    /// MQTT 5, falling back to 3.1.1 with a broker that does not know it.
    case five = "5"
    /// MQTT 3.1.1 only.
    case three = "3.1.1"
  }

  /// How a connection by TLS is secured. The broker's name is always checked.
  public struct TransportSecurity: Sendable, Hashable {
    /// The oldest version of TLS that is spoken.
    public enum MinimumVersion: String, Sendable, Hashable, CaseIterable {
      case oneTwo = "1.2"
      case oneThree = "1.3"
    }

    /// A key that the broker has too, in place of certificates (RFC 4279, RFC 8446 section 2.2).
    public struct SharedKey: Sendable, Hashable {
      /// By which the broker finds the key: 1 to 127 bytes.
      public var identity: String
      /// 1 to 64 bytes. Never logged.
      public var key: [UInt8]

      public init(identity: String, key: [UInt8]) {
        self.identity = identity
        self.key = key
      }
    }

    /// PEM, as all files here; they are read for each connection anew. Nil: the system's authorities are trusted, or the
    /// shared key alone.
    public var authorityFile: String?
    public var certificateFile: String?
    public var keyFile: String?
    public var sharedKey: SharedKey?
    public var minimumVersion = MinimumVersion.oneTwo

    public init(authorityFile: String?, certificateFile: String?, keyFile: String?, sharedKey: SharedKey? = nil) {
      self.authorityFile = authorityFile
      self.certificateFile = certificateFile
      self.keyFile = keyFile
      self.sharedKey = sharedKey
    }
  }

  /// A broker and how it is spoken to.
  public struct Broker: Sendable, Hashable {
    public var host: String
    /// 1 to 65,535.
    public var port: Int
    public var version: ProtocolVersion
    public var userName: String?
    /// Never logged.
    public var password: String?
    /// Nil: in the clear.
    public var security: TransportSecurity?

    public init(
      host: String, port: Int, version: ProtocolVersion = .five, userName: String? = nil, password: String? = nil,
      security: TransportSecurity? = nil
    ) {
      self.host = host
      self.port = port
      self.version = version
      self.userName = userName
      self.password = password
      self.security = security
    }
  }

  /// Limits of queues, tables and rates. The defaults suit one field board.
  public struct Limits: Sendable, Hashable {
    /// Messages of QoS 1 that may be unacknowledged at once; the broker's receive maximum may lower it. From 1.
    public var inFlight = 20
    /// Stored messages a second that are sent after an outage, when there are more than a window of them. 0: unpaced.
    public var backlogPerSecond = 200
    /// Unacknowledged messages in the ledger, above which the oldest notices are given up. Alerts never are.
    public var outboxRows = 100_000
    /// Acknowledged messages that the ledger keeps as history.
    public var historyRows = 100_000
    /// Days that acknowledged notices about persons are kept.
    public var noticeDays = 14
    /// Days that observations are kept for open data, and how many at most. No days: none are kept.
    public var observationDays = 400
    public var observationRows = 1_000_000
    /// Messages that wait in memory for the ledger, and how many bytes they may hold: once before it takes them, and once
    /// more while it fails. What was delivered goes first, then the oldest notices; above twice of either, the oldest of
    /// all, alerts last.
    public var waitingMessages = 10_000
    public var waitingBytes = 16 * 1_048_576
    /// Topics of retained states, and the bytes of all of them.
    public var retainedTopics = 2_000
    public var retainedBytes = 4 * 1_048_576
    /// Bytes and days of what waits for the broker, above which the oldest notices are given up. Alerts never are.
    public var outboxBytes = 64 * 1_048_576
    public var outboxDays = 14
    /// Bytes and age of observations that wait for the broker: above the bytes they are thinned. 0 bytes: none wait.
    public var observationBytes = 16 * 1_048_576
    public var observationAgeMilliseconds: Int64 = 7 * 86_400_000
    /// Of each sensor one observation waits for each interval of this length, besides where a batch was written within
    /// one. From 1.
    public var observationIntervalMilliseconds: Int64 = 60_000
    /// Observations a second that are sent after an outage. 0: unpaced.
    public var observationsPerSecond = 20
    /// What is to stay free of the state folder's file system: below it no observation is written. 0: nothing is asked.
    public var reserveBytes: Int64 = 32 * 1_048_576
    /// Answers that wait for the broker; one more takes the place of the oldest.
    public var waitingAnswers = 64

    public init() {}
  }

  /// How long is waited for whom, in nanoseconds of the monotonic clock.
  public struct Timing: Sendable, Hashable {
    /// The back-off after the first failed connect, doubled with each further one. Each wait is random between 0 and it.
    public var firstBackOffNanoseconds: Int64 = 1_000_000_000
    public var longestBackOffNanoseconds: Int64 = 60_000_000_000
    /// How long an attempt to connect may take in all, from the name to the broker's answer.
    public var connectNanoseconds: Int64 = 20_000_000_000
    /// How often the first broker is tried while the fallback is used, give or take a fifth.
    public var returnNanoseconds: Int64 = 60_000_000_000
    /// How long the broker may take to accept a connection.
    public var connectAnswerNanoseconds: Int64 = 10_000_000_000
    /// How long the broker may take to acknowledge, before a fresh connection is made.
    public var acknowledgmentNanoseconds: Int64 = 30_000_000_000
    /// Over how long the states that are not urgent are spread after a connect.
    public var spreadNanoseconds: Int64 = 60_000_000_000
    /// How long a change of a person's stream is gathered before its head is published, unless all is delivered.
    public var headDelayNanoseconds: Int64 = 1_000_000_000
    /// How often a failing ledger is tried again.
    public var ledgerRetryNanoseconds: Int64 = 1_000_000_000
    /// How long a message that the broker refused waits before it is tried again.
    public var refusedRetryNanoseconds: Int64 = 60_000_000_000
    /// The same where only another connection or another configuration of the broker can help, as with a size.
    public var unfitRetryNanoseconds: Int64 = 24 * 3600 * 1_000_000_000
    /// How long an answer waits for the broker before nobody waits for it any more.
    public var answerNanoseconds: Int64 = 60_000_000_000
    /// How long observations are gathered before they are written.
    public var observationBatchNanoseconds: Int64 = 600_000_000_000
    /// How often it is looked at what is free of the state folder's file system.
    public var reserveNanoseconds: Int64 = 30_000_000_000
    /// From which age on a message is marked as delayed.
    public var delayedNanoseconds: Int64 = 60_000_000_000

    public init() {}
  }

  /// What stands in a topic for `topicSecret`. No MQTT topic of this gateway holds a brace otherwise.
  public static let secretTopicMark = "{secret}"

  /// The folder of the ledger. Made if its parent exists.
  public var stateFolder: String
  /// The broker that is used whenever it answers.
  public var broker: Broker
  /// The broker that is used while the first does not answer.
  public var fallback: Broker?
  /// The MQTT client id: the gateway's id.
  public var clientID: String
  /// Where the status is published, retained: `<root>/<gateway>/status`.
  public var statusTopic: String
  /// The random id of this boot.
  public var bootID: String
  /// Seconds between signs of life, 5 to 65,535, unless the broker wants others. The broker publishes the will after one
  /// and a half of them, and the gateway gives up a broker of which it hears nothing for as long.
  public var keepAliveSeconds = 60
  /// A secret that is a part of topics: put in place of `secretTopicMark` in them as they are handed over, so that it
  /// is neither stored nor logged.
  public var topicSecret: String?
  /// What is listened to from the first connection on.
  public var subscriptions: [Subscription] = []
  public var limits = Limits()
  public var timing = Timing()

  public init(
    stateFolder: String, brokerHost: String, brokerPort: Int, clientID: String, statusTopic: String, bootID: String
  ) {
    self.stateFolder = stateFolder
    broker = Broker(host: brokerHost, port: brokerPort)
    self.clientID = clientID
    self.statusTopic = statusTopic
    self.bootID = bootID
  }
}

extension DeliverySettings {
  /// The first broker and, if there is one, the fallback.
  package var brokers: [Broker] { [broker] + (fallback.map { [$0] } ?? []) }

  /// The topic as the broker hears it: with the secret in place of its mark. Nil where there is no secret any more: then
  /// the message has nobody to go to.
  package func wireTopic(_ topic: String) -> String? {
    guard topic.utf8.contains(UInt8(ascii: "{")) else { return topic }
    guard let topicSecret else { return nil }
    let parts = topic.split(separator: "/", omittingEmptySubsequences: false)
    return parts.map { $0 == Self.secretTopicMark ? topicSecret : String($0) }.joined(separator: "/")
  }
}
