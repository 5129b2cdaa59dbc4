internal import CMosquitto
internal import Glibc

/// A thread of the operating system that runs one function to its end.
package struct WorkerThread: Sendable {
  private final class Work: Sendable {
    let name: String
    let body: @Sendable () -> Void
    let finished: Wake

    init(name: String, body: @escaping @Sendable () -> Void, finished: Wake) {
      self.name = name
      self.body = body
      self.finished = finished
    }
  }

  private let finished: Wake

  /// Starts the thread, whose name is cut to 15 bytes, with all signals blocked: they belong to the main thread, and a broken pipe is an error code.
  package init(name: String, body: @escaping @Sendable () -> Void) throws(DeliveryError) {
    finished = try Wake()
    let work = unsafe Unmanaged.passRetained(Work(name: name, body: body, finished: finished))
    var thread = pthread_t()
    let code = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        let work = unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
        blockAllSignals()
        unsafe mimamori_name_thread(work.name)
        work.body()
        work.finished.signal()
        return nil
      }, work.toOpaque())
    guard code == 0 else {
      unsafe work.release()
      throw DeliveryError(
        .inputOutput, "Failed to start the thread \(name): \(systemErrorText(code)): raise the limit of threads")
    }
    pthread_detach(thread)
  }

  /// Waits for its end.
  ///
  /// - Returns: whether it ended in time. One that did not is left alone: it holds all that it uses.
  package func join(nanoseconds: Int64) -> Bool {
    finished.wait(nanoseconds: nanoseconds)
  }
}

private func blockAllSignals() {
  var all = sigset_t()
  unsafe sigfillset(&all)
  unsafe pthread_sigmask(SIG_BLOCK, &all, nil)
}
