import Delivery
import Locks
import Observations

/// A watch list that a thread of its own reads and judges.
final class WatchListReading: Sendable {
  private let wake: Wake
  private let result = Locked<Result<WatchList, WatchListRefusal>?>(nil)

  /// Begins.
  init(
    _ file: WatchListFile, verifier: WatchListVerifier, acceptedRevision: Int, at moment: Moment
  ) throws(DeliveryError) {
    wake = try Wake()
    _ = try WorkerThread(name: "watchlist") { [self] in
      let found: Result<WatchList, WatchListRefusal>
      do throws(WatchListRefusal) {
        found = .success(try verifier.accept(file, acceptedRevision: acceptedRevision, at: moment))
      } catch {
        found = .failure(error)
      }
      result.withLock { $0 = found }
      wake.signal()
    }
  }

  /// Can be read once the list was judged.
  var descriptor: Int32 { wake.descriptor }

  /// What came of it; nil while it is being read.
  func take() -> Result<WatchList, WatchListRefusal>? {
    wake.clear()
    return result.withLock { $0 }
  }
}
