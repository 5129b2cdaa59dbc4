/// Where and how messages are kept and sent.
public struct DeliverySettings: Sendable, Hashable {
  /// The wire's version that the broker is first spoken to in.
  public enum ProtocolVersion: String, Sendable, Hashable, CaseIterable {
    /// MQTT 5, falling back to 3.1.1 with a broker that does not know it.
    case five = "5"
    /// MQTT 3.1.1 only.
    case three = "3.1.1"
  }

  /// The files of a connection by TLS, each in PEM. Without an authority file the system's authorities are trusted.
  public struct TransportSecurity: Sendable, Hashable {
    public var authorityFile: String?
    public var certificateFile: String?
    public var keyFile: String?

    public init(authorityFile: String?, certificateFile: String?, keyFile: String?) {
      self.authorityFile = authorityFile
      self.certificateFile = certificateFile
      self.keyFile = keyFile
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
    /// Messages that wait in memory for the ledger, and how many bytes they may hold.
    public var waitingMessages = 10_000
    public var waitingBytes = 16 * 1_048_576
    /// Topics of retained states.
    public var retainedTopics = 2_000

    public init() {}
  }

  /// How long is waited for whom, in nanoseconds of the monotonic clock.
  public struct Timing: Sendable, Hashable {
    /// The back-off after the first failed connect, doubled with each further one. Each wait is random between 0 and it.
    public var firstBackOffNanoseconds: Int64 = 1_000_000_000
    public var longestBackOffNanoseconds: Int64 = 60_000_000_000
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
    /// From which age on a message is marked as delayed.
    public var delayedNanoseconds: Int64 = 60_000_000_000

    public init() {}
  }

  /// The folder of the ledger. Made if its parent exists.
  public var stateFolder: String
  public var brokerHost: String
  /// 1 to 65,535.
  public var brokerPort: Int
  public var version: ProtocolVersion = .five
  public var userName: String?
  /// Never logged.
  public var password: String?
  /// Nil: in the clear.
  public var security: TransportSecurity?
  /// The MQTT client id: the gateway's id.
  public var clientID: String
  /// Where the status is published, retained: `<root>/<gateway>/status`.
  public var statusTopic: String
  /// The random id of this boot.
  public var bootID: String
  /// Seconds between signs of life, 5 to 65,535. The broker publishes the will after one and a half of them.
  public var keepAliveSeconds = 60
  public var limits = Limits()
  public var timing = Timing()

  public init(
    stateFolder: String, brokerHost: String, brokerPort: Int, clientID: String, statusTopic: String, bootID: String
  ) {
    self.stateFolder = stateFolder
    self.brokerHost = brokerHost
    self.brokerPort = brokerPort
    self.clientID = clientID
    self.statusTopic = statusTopic
    self.bootID = bootID
  }
}
