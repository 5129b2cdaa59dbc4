import Observations

extension Alert {
  /// The reason of an update that tells other times than the messages before it.
  static let timeCorrected = "time_corrected"

  /// The same with right ends, and right times of who took note of it, as far as they were stamped by the clock that
  /// `correction` is for.
  fileprivate func corrected(by correction: TimeCorrection) -> Alert {
    var alert = self
    alert.until = until.map(correction.ahead)
    if let known = acknowledged {
      alert.acknowledged = Acknowledgement(
        authority: known.authority, at: correction.past(known.at), until: correction.ahead(known.until),
        cause: known.cause)
    }
    return alert
  }
}

extension Alert.Next {
  fileprivate func corrected(by correction: TimeCorrection) -> Alert.Next {
    Alert.Next(
      step: step, at: correction.ahead(at), earliest: correction.ahead(earliest), latest: correction.ahead(latest))
  }
}

/// What becomes of active alerts when the clock deserves more trust than when they were told.
extension Station {
  /// One alert's times are corrected so often at most; until then it is its next message that tells the right ones.
  static let correctionInterval = TimeSpan.hours(1)

  /// Tells each active alert anew whose latest message of this boot bears times that are wrong by a second or more.
  ///
  /// Quietly: nothing has happened, so no siren sounds. Whether the broker has the earlier messages yet is not asked: what
  /// is decided here must not depend on the network. Notices about people are not told again.
  mutating func correctTimes(at moment: Moment, into effects: inout Effects) {
    guard !isRehearsing else { return }
    for position in book.active.indices {
      let active = book.active[position]
      if !active.isRaisedEarlier {
        book.active[position].alert.onset = active.alert.onset.read(by: moment)
        let told = active.withheld?.told
        book.active[position].withheld?.told?.onset = told?.onset.read(by: moment) ?? active.alert.onset
      }
      guard let told = active.told, !active.isToldEarlier, told.detected.read(by: moment) != told.detected,
        let correction = TimeCorrection(of: told.detected, by: moment)
      else { continue }
      guard active.correctedAt.map({ moment.monotonic - $0 >= Self.correctionInterval }) ?? true else {
        save(position, at: moment, into: &effects)
        continue
      }
      book.active[position].correct(by: correction)
      book.active[position].correctedAt = moment.monotonic
      guard let right = book.active[position].told else { continue }
      var content = presentContent(of: right, position, at: moment)
      let next = content.observed?.next?.corrected(by: correction)
      content.observed?.next = next
      tell(position, reason: Alert.timeCorrected, content: content, isNews: false, at: moment, into: &effects)
    }
  }
}

extension AlertBook.Active {
  fileprivate mutating func correct(by correction: TimeCorrection) {
    alert = alert.corrected(by: correction)
    if let told = withheld?.told { withheld?.told = told.corrected(by: correction) }
  }
}
