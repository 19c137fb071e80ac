"""An epoch of an encoder and decoder beside PyTorch's, and predictions of both kinds."""

import numpy as np

from fastml.neural_network import Seq2SeqClassifier

from . import common

torch = common.optional("torch")

N_LETTERS, EMBEDDED = 12, 16


def shuffled_batches(n, size):
    return np.array_split(np.random.default_rng(0).permutation(n), range(size, n, size))


class Strings(common.Benchmark):
    """Strings and what they are backwards: sequences, longest, units; batches of 100."""

    def prepare(self, backend, size):
        n, longest, n_units = size
        rng = np.random.default_rng(0)
        self.X = [rng.integers(0, N_LETTERS, k) for k in rng.integers(1, longest + 1, n)]
        self.y = [x[::-1] for x in self.X]
        self.model = Seq2SeqClassifier(
            n_units, embedding_size=EMBEDDED, target_embedding_size=EMBEDDED, batch_size=100,
            random_state=0,
        ).partial_fit(self.X, self.y)  # fmt: skip


class Epoch(Strings):
    """Training, of the same batches."""

    sizes = ((200, 10, 32), (2000, 10, 64), (1000, 40, 128))

    def prepare(self, backend, size):
        super().prepare(backend, size)
        self.ours = lambda: self.model.partial_fit(self.X, self.y)
        self.peer = None if torch is None else self.of_torch(size[2])

    def of_torch(self, n_units):
        """Return an epoch of the same network and solver."""
        rnn, parts = torch.nn.utils.rnn, torch.nn.ModuleList()
        tables = [torch.nn.Embedding(N_LETTERS + 2, EMBEDDED) for _ in range(2)]
        layers = [torch.nn.LSTM(EMBEDDED, n_units, batch_first=True) for _ in range(2)]
        ends = torch.nn.Linear(n_units, N_LETTERS + 1)
        parts.extend([*tables, *layers, ends])
        solver = torch.optim.Adam(parts.parameters())

        def run():
            for rows in shuffled_batches(len(self.X), 100):
                x = [torch.from_numpy(self.X[i]) for i in rows]
                y = [torch.from_numpy(self.y[i].copy()) for i in rows]
                lengths = torch.tensor([len(a) for a in x])
                x, y = (rnn.pad_sequence(a, batch_first=True, padding_value=-1) for a in (x, y))
                encoded = rnn.pack_padded_sequence(
                    tables[0](x.clamp(0)), lengths, batch_first=True, enforce_sorted=False
                )
                state = layers[0](encoded)[1]
                given = torch.nn.functional.pad(y.clamp(0), (1, 0), value=N_LETTERS)
                wanted = torch.nn.functional.pad(y, (0, 1), value=-1)
                wanted[torch.arange(len(rows)), lengths] = N_LETTERS
                sums = ends(layers[1](tables[1](given), state)[0])
                loss = torch.nn.functional.cross_entropy(
                    sums.transpose(1, 2), wanted, ignore_index=-1
                )
                solver.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parts.parameters(), 1.0)
                solver.step()

        return run

    def time_run(self, backend, size):
        self.ours()

    def track_ratio_to_torch(self, backend, size):
        return common.ratio(self.ours, self.peer, budget=2.0)


class Decoding(Strings):
    """Predictions: one label at a time, and five beginnings at a time."""

    sizes = ((100, 10, 64), (2000, 10, 64))

    def prepare(self, backend, size):
        super().prepare(backend, size)
        self.ours = lambda: self.model.set_params(beam_width=1).predict(self.X)

    def time_greedy(self, backend, size):
        self.ours()

    def time_beam(self, backend, size):
        self.model.set_params(beam_width=5).predict(self.X)
