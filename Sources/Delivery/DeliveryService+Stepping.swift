internal import Locks

/// A delivery without threads of its own, for whoever has one thread and a clock of its own: the simulation in virtual
/// time. It is used in place of `start`.
extension DeliveryService {
  /// Where work is left for the ledger's turns. Its `wake` says that one is due.
  package var inbox: Inbox { shared.inbox }

  /// What the ledger's turns and the MQTT loop share. Its `wake` says that the loop is wanted.
  package var link: BrokerLink { shared.link }

  /// What follows a turn of the ledger's loop.
  package enum LedgerStep: Sendable, Hashable {
    /// The next is due then without being woken, on the monotonic clock; nil: nothing is scheduled.
    case goesOn(nextNanoseconds: Int64?)
    /// It has written all and told the MQTT loop to end.
    case done
  }

  /// One turn of the ledger's loop. Once it is done, the ledger is closed.
  package func stepLedger() -> LedgerStep {
    loop.withLock { loop in
      switch loop?.step() {
      case .goesOn(let next)?: return .goesOn(nextNanoseconds: next)
      case .done?, nil:
        loop = nil
        return .done
      }
    }
  }

  /// The MQTT loop until it is told to end. It sleeps in the network's `wait` and `rest`.
  package func runBroker(over network: any BrokerNetwork) {
    brokerLoop(over: network).run()
  }
}
