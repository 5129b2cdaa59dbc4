import Observations

/// Faults that come and go.
extension Station {
  /// A sensor is sound again. Returns whether its fault's alert stays all the same, because it came and went.
  mutating func keepsFaultAlert(_ index: Int, at moment: Moment, into effects: inout Effects) -> Bool {
    guard channels[index].flicker.recovered(at: moment.monotonic) else { return false }
    watchDeadline(ofChannel: index)
    guard !channels[index].flicker.isSaid,
      let position = book.index(of: channels[index].faultKind, for: channels[index].plan.id)
    else { return true }
    channels[index].flicker.isSaid = true
    saveFlicker(index, at: moment, into: &effects)
    let content = faultContent(index, cause: book.active[position].alert.fault)
    update(position, reason: "unstable", content: content, isNews: false, at: moment, into: &effects)
    return true
  }

  /// A sensor's fault was told.
  mutating func noteFault(_ index: Int, at moment: Moment, into effects: inout Effects) {
    channels[index].flicker.raised(channels[index].faultKind, at: moment.monotonic)
    saveFlicker(index, at: moment, into: &effects)
  }

  /// The sensor was sound for long enough: its fault is over.
  mutating func endFlicker(_ index: Int, at moment: Moment, into effects: inout Effects) {
    channels[index].flicker = FaultFlicker()
    saveFlicker(index, at: moment, into: &effects)
    guard let position = book.index(of: channels[index].faultKind, for: channels[index].plan.id) else { return }
    var content = faultContent(index, cause: book.active[position].alert.fault)
    content.urgency = .past
    clear(position, reason: "recovered", content: content, at: moment, into: &effects)
  }

  private func saveFlicker(_ index: Int, at moment: Moment, into effects: inout Effects) {
    effects.saves.append(
      SavedState(
        key: SavedKey.flicker(channels[index].plan.id), savedAt: moment,
        part: channels[index].flicker.memory.map { .flicker($0) }))
  }

  mutating func restoreFlicker(_ index: Int, _ saved: [String: SavedState], shift: TimeShift) {
    let sensor = channels[index].plan.id
    guard let state = saved[SavedKey.flicker(sensor)], case .flicker(let memory)? = state.part else { return }
    channels[index].flicker.restore(
      memory, isRaised: book.index(of: channels[index].faultKind, for: sensor) != nil,
      rises: { shift.throughPause($0, savedAt: state.savedAt) }, sound: { shift.withoutPause($0) })
    // Between two saves it may have fallen again.
    if !shift.isExact(state) { channels[index].flicker.fell() }
  }
}
