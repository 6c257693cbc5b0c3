"""Right answers to the exercises on DCGAN in other styles, and what the explanations claim."""

import torch
from torch import nn
from torch.nn import functional as F

from ganbook import exercises
from ganbook.exercises.grading.trial import grade


def first_solution(name):
    exercise = exercises.get(name)
    namespace = {}
    exec(exercise.solutions[0], namespace)
    return namespace[exercise.answer]


class Generator(nn.Module):
    def __init__(self, latent_dim, width):
        super().__init__()
        self.first = nn.ConvTranspose2d(latent_dim, 2 * width, 7, bias=False)
        self.second = nn.ConvTranspose2d(2 * width, width, 5, 2, 2, output_padding=1)
        self.last = nn.ConvTranspose2d(width, 1, 5, 2, 2, output_padding=1)

    def forward(self, z):
        h = self.first(z[:, :, None, None]).relu()
        return self.last(self.second(h).relu()).tanh()


class Discriminator(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x):
        return self.body(x)[:, 0]


def test_a_pair_of_another_architecture_is_right():
    def networks(latent_dim, width):
        return Generator(latent_dim, width), Discriminator(16 * width)

    result = grade(exercises.get("repair-networks"), networks)
    assert result, result


def test_the_sizes_are_those_of_the_layers():
    def conv_size(n, kernel, stride, padding):
        return nn.Conv1d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, n)).shape[2]

    def transposed_size(n, kernel, stride, padding, output_padding):
        x, w = torch.zeros(1, 1, n), torch.zeros(1, 1, kernel)
        return F.conv_transpose1d(x, w, stride=stride, padding=padding).shape[2] + output_padding

    def doubling(kernel):
        return ((kernel - 1) // 2, kernel % 2)

    for name, answer in (
        ("conv-size", conv_size),
        ("transposed-size", transposed_size),
        ("exact-doubling", doubling),
    ):
        result = grade(exercises.get(name), answer)
        assert result, result


def test_an_exact_doubling_doubles_in_pytorch():
    doubling = first_solution("exact-doubling")
    for kernel in range(2, 9):
        padding, output_padding = doubling(kernel)
        layer = nn.ConvTranspose2d(1, 1, kernel, 2, padding, output_padding)
        assert layer(torch.zeros(1, 1, 7, 7)).shape == (1, 1, 14, 14)


def test_the_transposed_matrix_is_the_transposed_convolution():
    w, y = torch.randn(3), torch.randn(4)
    C = first_solution("convolution-matrix")(w, 9, 2)
    back = F.conv_transpose1d(y[None, None], w[None, None], stride=2)[0, 0]
    assert torch.allclose(C.T @ y, back, atol=1e-5)


def test_dcgan_s_own_receptive_field():
    assert first_solution("receptive-field")([(4, 2)] * 4) == 46
    assert first_solution("receptive-field")([(4, 2)] * 4 + [(4, 1)]) == 94


def test_many_steps_of_power_iteration_find_the_largest_singular_value():
    W = torch.randn(5, 3, 2, 2)
    found = first_solution("spectral-norm")(W, torch.randn(5), 200)
    assert torch.allclose(found, torch.linalg.svdvals(W.flatten(1))[0], rtol=1e-3)
