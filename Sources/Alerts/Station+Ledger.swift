public import Observations

extension FaultCause {
  /// The ledger was found damaged: it was set aside and a new one begun.
  public static let ledgerDamaged = FaultCause(rawValue: "ledger_damaged")
  /// The ledger cannot be written: a full disk, or one that has become read-only.
  public static let ledgerUnwritable = FaultCause(rawValue: "ledger_unwritable")
  /// Less is free of the ledger's file system than its reserve: observations are not written any more.
  public static let storageReserve = FaultCause(rawValue: "storage_reserve")
}

/// The gateway's own ledger: what is wrong with it is an alert of kind `storage` about the board's ledger.
extension Station {
  /// What the alert is about.
  static let ledgerSource = SensorID("board:ledger")
  /// A ledger that was begun anew has proven itself after this time.
  private static let trial = TimeSpan.hours(24)

  /// What is told of the ledger at present; nil while nothing is.
  public var ledgerFault: FaultCause? {
    book.index(of: .storage, for: Self.ledgerSource).flatMap { book.active[$0].alert.fault }
  }

  /// What is wrong with the ledger was told; nil: it can be written.
  mutating func takeLedger(_ cause: FaultCause?, at moment: Moment, into effects: inout Effects) {
    let position = book.index(of: .storage, for: Self.ledgerSource)
    switch (cause, position) {
    case (let cause?, let position?):
      guard book.active[position].alert.fault != cause else { return }
      update(position, reason: "cause", content: ledgerContent(cause), isNews: true, at: moment, into: &effects)
    case (let cause?, nil):
      raise(
        .storage, sensor: Self.ledgerSource, name: Self.ledgerSource.bare, onset: moment,
        content: ledgerContent(cause), at: moment, into: &effects)
    case (nil, let position?):
      // That a ledger can be written proves little about the one that was damaged a moment ago.
      guard book.active[position].alert.fault != .ledgerDamaged else { return }
      clearLedger(position, at: moment, into: &effects)
    case (nil, nil): return
    }
  }

  /// Ends the alert of a damaged ledger in place of its renewal, once the new one has worked for a day.
  ///
  /// - Returns: whether it is over.
  mutating func endLedgerTrial(_ position: Int, at moment: Moment, into effects: inout Effects) -> Bool {
    let alert = book.active[position].alert
    guard alert.sensor == Self.ledgerSource, alert.fault == .ledgerDamaged, moment.wall - alert.onset.wall >= Self.trial
    else { return false }
    clearLedger(position, at: moment, into: &effects)
    return true
  }

  private mutating func clearLedger(_ position: Int, at moment: Moment, into effects: inout Effects) {
    var content = ledgerContent(book.active[position].alert.fault)
    content.urgency = .past
    tellClear(position, reason: "recovered", content: content, at: moment, into: &effects)
  }

  private func ledgerContent(_ cause: FaultCause?) -> AlertContent {
    AlertContent(severity: .moderate, urgency: .expected, fault: cause)
  }
}
