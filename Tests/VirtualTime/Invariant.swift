/// What must hold in every life, whatever fails.
enum Invariant: String, CaseIterable {
  case delivered = "every raised id and revision is delivered"
  case unaltered = "none is altered on its way"
  case sameBytes = "id and revision name their bytes for ever"
  case order = "the revisions of an id arrive in order"
  case gapless = "the sequence has no gap, and no number is given twice"
  case kept = "what was written is there after a kill and a power cut"
  case sirenFirst = "the siren waits for nothing"
  case memory = "memory stays within its budget"
  case disk = "the disk stays within its budget"
  case drains = "when everything has healed, all queues drain"
}

/// A broken invariant.
struct Breach: Error, CustomStringConvertible {
  var invariant: Invariant
  var what: String
  /// Nanoseconds since the life began.
  var at: Int64

  var description: String { "BROKEN at \(LifeTime(at)): \(invariant.rawValue): \(what)" }
}

/// For people: hours, minutes, seconds and milliseconds of a life.
struct LifeTime: CustomStringConvertible {
  private let nanoseconds: Int64

  init(_ nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  var description: String {
    let milliseconds = nanoseconds / 1_000_000
    func padded(_ number: Int64, _ digits: Int) -> String {
      let text = "\(number)"
      return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
    return "\(milliseconds / 3_600_000):\(padded(milliseconds / 60_000 % 60, 2)):"
      + "\(padded(milliseconds / 1_000 % 60, 2)).\(padded(milliseconds % 1_000, 3))"
  }
}

/// Faults that are put in on purpose, each to be found by its own invariant.
enum PlantedFault: String, CaseIterable {
  case lostMessage = "a message that is acknowledged and never arrives"
  case alteredBytes = "a byte that changes on the way"
  case changedDuplicate = "a message that is sent again with another byte"
  case forgottenRevisions = "a gateway that does not know which revisions it sent before it was killed"
  case swappedRevisions = "a revision that arrives after the next one"
  case skippedNumber = "a number of the sequence that is left out"
  case lyingDisk = "a disk that syncs nothing and says that it did"
  case waitingSiren = "a siren that is switched with the ledger's next turn"
  case growingMemory = "memory that is never given back"
  case growingDisk = "a file that only grows"
  case stuckQueue = "a message that is never acknowledged"

  var invariant: Invariant {
    switch self {
    case .lostMessage: .delivered
    case .alteredBytes: .unaltered
    case .changedDuplicate, .forgottenRevisions: .sameBytes
    case .swappedRevisions: .order
    case .skippedNumber: .gapless
    case .lyingDisk: .kept
    case .waitingSiren: .sirenFirst
    case .growingMemory: .memory
    case .growingDisk: .disk
    case .stuckQueue: .drains
    }
  }
}

/// Faults that the world makes, and what else happens that is not of every hour.
enum WorldFault: String, CaseIterable {
  case brokerDown = "broker down"
  case brokerHangs = "broker hangs"
  case brokerSlow = "broker slow"
  case connectionCut = "connection cut"
  case acknowledgmentLost = "acknowledgment lost"
  case acknowledgmentDuplicated = "acknowledgment duplicated"
  case publishRefused = "message refused"
  case connectRefused = "connect refused"
  case oldProtocol = "MQTT 5 unknown"
  case takenOver = "taken over"
  case smallPackets = "broker takes small packets only"
  case diskSlow = "disk slow"
  case writeFails = "write fails"
  case shortWrite = "write cut short"
  case syncFails = "sync fails"
  case readFails = "read fails"
  case diskFull = "disk full"
  case readOnly = "disk read-only"
  case killed = "killed"
  case powerCut = "power cut, unsynced lost"
  case tornPowerCut = "power cut, writes torn"
  case restarted = "restarted"
  case clockStep = "wall clock stepped"
  case clockLost = "clock not synchronized"
  case sensorSilent = "sensor silent"
  case sensorWrong = "sensor wrong"
  case sightingFlood = "flood of sightings"
}
