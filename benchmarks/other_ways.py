"""What `benchmarks/extract.py` compares with: other ways to choose frames of a video, or to read some of them.

Each is called in a process of its own, and writes frames/img<index>.png below a folder, but for those that only read.
"""


def deeplabcut_row(image):
    """Shrink a picture as DeepLabCut does: 30 pixels wide by nearest neighbour, the mean of its channels, as a row."""
    import cv2

    scale = 30 / image.shape[1]
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    return small.mean(axis=2).reshape(-1)


def deeplabcut_picks(rows, k, seed):
    """Choose rows as DeepLabCut 3 does: a random member of each cluster; their numbers, ascending."""
    import numpy as np
    from sklearn.cluster import MiniBatchKMeans

    centred = rows - np.mean(rows, axis=0)
    model = MiniBatchKMeans(min(k, len(rows)), batch_size=100, max_iter=50, tol=1e-3, random_state=seed).fit(centred)
    rng = np.random.default_rng(seed)
    return np.sort([rng.choice(np.flatnonzero(model.labels_ == label)) for label in np.unique(model.labels_)])


def deeplabcut(video, folder, k, threads, step):
    import cv2
    import imageio.v3 as imageio
    import numpy as np

    cv2.setNumThreads(threads)
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    n_frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    indices, rows = [], []
    for index in range(0, n_frames, step):
        if step > 1:
            capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        done, image = capture.read()
        if not done:
            continue
        # Its reader gives a view of the picture with the channels in reverse, which OpenCV copies whole to resize it.
        indices.append(index)
        rows.append(deeplabcut_row(image[..., ::-1]))
    (folder / "frames").mkdir(parents=True)
    for index in (indices[row] for row in deeplabcut_picks(np.array(rows), k, 0)):
        capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        done, image = capture.read()
        if done:
            imageio.imwrite(folder / "frames" / f"img{index}.png", image[..., ::-1])
    return {}


def all_in_memory(video, folder, k, threads):
    import cv2
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    cv2.setNumThreads(threads)
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    data = np.array([cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).reshape(-1) for frame in frames], np.float32)
    components = PCA(min(50, len(data)), svd_solver="randomized", random_state=0).fit_transform(data)
    model = KMeans(min(k, len(data)), n_init=1, random_state=0).fit(components)
    (folder / "frames").mkdir(parents=True)
    for index in np.unique(model.transform(components).argmin(axis=0)):
        cv2.imwrite(str(folder / "frames" / f"img{index}.png"), frames[index])
    return {}


def looked_at(folder):
    """Return the frames that the sparse scan of the same round looked at, growing."""
    import numpy as np

    name, number = folder.name.rsplit("-", 1)
    with np.load(folder.with_name(f"{name.rsplit('-', 1)[0]}-sparse-{number}") / "scan.npz") as scan:
        return scan["frame_index"].tolist()


def shrunk(image):
    import cv2

    return cv2.resize(image, (64, 64 * image.shape[0] // image.shape[1]), interpolation=cv2.INTER_AREA)


def pyav(video, folder, k, threads):
    """Seek to the key frame before each frame, unless it lies ahead of that already, and decode up to it."""
    import av
    import cv2
    import numpy as np

    cv2.setNumThreads(threads)
    indices = looked_at(folder)
    with av.open(str(video)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        stamps = sorted(packet.dts if packet.pts is None else packet.pts for packet in packets)
        keys = np.array(sorted(p.dts if p.pts is None else p.pts for p in packets if p.is_keyframe))
        del packets
    n_read = 0
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = threads
        latest, frames = None, None
        for wanted in (stamps[index] for index in indices):
            key = int(keys[max(0, keys.searchsorted(wanted, side="right") - 1)])
            if latest is None or key > latest:
                container.seek(key, stream=stream)
                frames = container.decode(stream)
            for frame in frames:
                latest = frame.dts if frame.pts is None else frame.pts
                if latest >= wanted:
                    shrunk(frame.to_ndarray(format="gray"))
                    n_read += 1
                    break
    return {"n_read": n_read}


def decord(video, folder, k, threads):
    import decord

    reader = decord.VideoReader(str(video), num_threads=threads)
    indices = looked_at(folder)
    for index in indices:
        shrunk(reader[index].asnumpy())
    return {"n_read": len(indices)}
