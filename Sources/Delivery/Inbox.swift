internal import Locks

/// Where the other threads leave work for the ledger thread. Bounded; nobody waits here longer than for a copy.
package final class Inbox: Sendable {
  /// Everything that arrived since the last look.
  package struct Arrival: Sendable {
    package var messages: [OutgoingMessage] = []
    /// Newest of each key.
    package var records: [String: StateRecord] = [:]
    /// Newest of each topic, in the order in which the topics were first named.
    package var retained: [RetainedState] = []
    /// Observations that a newer one replaced here.
    package var superseded: [RetainedState] = []
    package var observations: [ObservationRecord] = []
    package var answers: [Answer] = []
    package var actions: [OutputAction] = []
    package var events: [BrokerEvent] = []
    /// Streams that lost messages here, which therefore do not continue without a gap.
    package var lossyStreams: Set<String> = []
    package var droppedAlerts: UInt64 = 0
    package var droppedNotices: UInt64 = 0
    package var droppedStates: UInt64 = 0
    /// Every retained state is to be sent once more.
    package var isRefreshWanted = false
    /// When the stop must be done, on the monotonic clock; nil when none is asked for.
    package var stopBy: Int64?
    /// The word for the stop in the status.
    package var stopCause = "stop"

    fileprivate var bytes = 0
    fileprivate var retainedIndex: [String: Int] = [:]
  }

  /// Alerts are taken up to twice the limit at which notices are refused.
  static let alertFactor = 2
  /// Observations for open data, and for the backlog, that may wait.
  fileprivate static let waitingObservations = 10_000
  /// Actions of outputs that may wait.
  private static let waitingActions = 1_000

  package let wake: Wake
  private let limits: DeliverySettings.Limits
  private let state = Locked(Arrival())

  package init(limits: DeliverySettings.Limits) throws(DeliveryError) {
    self.limits = limits
    wake = try Wake()
  }

  /// From the sensing thread.
  package func commit(_ batch: DeliveryBatch) {
    let limits = limits
    state.withLock { arrival in
      for message in batch.messages { arrival.add(message, limits: limits, alertFactor: Inbox.alertFactor) }
      for record in batch.records { arrival.records[record.key] = record }
      for retained in batch.retained { arrival.add(retained, limits: limits) }
      arrival.answers += batch.answers.prefix(max(0, limits.waitingAnswers - arrival.answers.count))
      for action in batch.actions {
        if arrival.actions.count < Inbox.waitingActions {
          arrival.actions.append(action)
        } else {
          arrival.droppedStates += 1
        }
      }
      for record in batch.observations {
        if arrival.observations.count < Inbox.waitingObservations {
          arrival.observations.append(record)
        } else {
          arrival.droppedStates += 1
        }
      }
    }
    wake.signal()
  }

  /// From the MQTT thread.
  package func post(_ events: [BrokerEvent]) {
    guard !events.isEmpty else { return }
    state.withLock { $0.events += events }
    wake.signal()
  }

  /// Asks for every retained state to be sent once more.
  package func askForRefresh() {
    state.withLock { $0.isRefreshWanted = true }
    wake.signal()
  }

  package func askToStop(by deadline: Int64, cause: String) {
    state.withLock { arrival in
      arrival.stopBy = min(arrival.stopBy ?? deadline, deadline)
      arrival.stopCause = cause
    }
    wake.signal()
  }

  /// Takes all; from the ledger thread.
  package func take() -> Arrival {
    wake.clear()
    return state.withLock { arrival in
      let taken = arrival
      arrival = Arrival()
      return taken
    }
  }

  /// How many messages wait.
  package var waiting: Int { state.withLock { $0.messages.count } }
}

extension Inbox.Arrival {
  fileprivate mutating func add(_ message: OutgoingMessage, limits: DeliverySettings.Limits, alertFactor: Int) {
    let isAlert = message.stream == OutgoingMessage.alertStream
    let factor = isAlert ? alertFactor : 1
    let size = message.waitingBytes
    guard messages.count < limits.waitingMessages * factor, bytes + size <= limits.waitingBytes * factor else {
      lossyStreams.insert(message.stream)
      if isAlert { droppedAlerts += 1 } else { droppedNotices += 1 }
      return
    }
    bytes += size
    messages.append(message)
  }

  fileprivate mutating func add(_ state: RetainedState, limits: DeliverySettings.Limits) {
    if let index = retainedIndex[state.topic] {
      let old = retained[index]
      retained[index] = state
      guard old.backlogTopic != nil, old.payload != state.payload else { return }
      if superseded.count < Inbox.waitingObservations { superseded.append(old) } else { droppedStates += 1 }
    } else if retained.count < limits.retainedTopics {
      retainedIndex[state.topic] = retained.count
      retained.append(state)
    } else {
      droppedStates += 1
    }
  }
}
