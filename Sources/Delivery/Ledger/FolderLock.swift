internal import Glibc

/// Holds a state folder for one process. The operating system lets go of it when the process ends, however it ends.
package final class FolderLock: FolderHold {
  private let descriptor: Int32

  /// Makes the folder, if its parent exists, and locks it: the folder itself, because a lock file could not be made where
  /// the disk is full or read-only.
  package init(folder: String) throws(DeliveryError) {
    try FolderLock.make(folder)
    descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    let code = errno
    guard descriptor >= 0 else { throw FolderLock.error("Failed to open the state folder \(folder)", code) }
    let access = unsafe access(folder, W_OK | X_OK)
    let accessCode = errno
    guard access == 0 || accessCode != EACCES else {
      close(descriptor)
      throw FolderLock.error("Failed to write to the state folder \(folder)", accessCode)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let lockCode = errno
      close(descriptor)
      guard lockCode == EWOULDBLOCK else {
        throw FolderLock.error("Failed to lock the state folder \(folder)", lockCode)
      }
      throw DeliveryError(
        .alreadyRunning,
        "Failed to lock the state folder \(folder): another process uses it: stop the other gateway, or give this one"
          + " a state folder of its own")
    }
  }

  deinit {
    // A child that was forked a moment ago and has not begun its program yet still has a copy: closing ours is not enough.
    _ = flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  private static func make(_ folder: String) throws(DeliveryError) {
    let made = unsafe mkdir(folder, 0o700)
    let code = errno
    if made == 0 { return }
    guard code == EEXIST else { throw error("Failed to create the state folder \(folder)", code) }
    var status = stat()
    let result = unsafe stat(folder, &status)
    let statusCode = errno
    guard result == 0 else { throw error("Failed to examine the state folder \(folder)", statusCode) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw DeliveryError(
        .cannotCreate, "Failed to use the state folder \(folder): it is not a folder: name a folder in gateway.state")
    }
  }

  private static func error(_ what: String, _ code: Int32) -> DeliveryError {
    let reason = systemErrorText(code)
    return switch code {
    case EACCES, EPERM:
      DeliveryError(.noPermission, "\(what): \(reason): give the folder to the user that the gateway runs as")
    case EROFS:
      DeliveryError(.cannotCreate, "\(what): \(reason): mount it writable, or name another gateway.state")
    case ENOSPC, EDQUOT:
      DeliveryError(.inputOutput, "\(what): \(reason): make room on this file system")
    case ENOENT, ENOTDIR:
      DeliveryError(.cannotCreate, "\(what): \(reason): create its parent folder, or name another gateway.state")
    default:
      DeliveryError(.cannotCreate, "\(what): \(reason): check the file system")
    }
  }
}
